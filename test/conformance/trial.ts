/** A shop under test and its connector, with what the suite of `platform.ts` says to them again and again. */
import { expect } from "vitest";
import type { Shop } from "../../sandbox/sandbox.js";
import type {
  Answer,
  CallFailure,
  Change,
  Connector,
  LineResult,
  ListingAddress,
  PlatformDriver,
  StoreConnection,
} from "../../src/platforms/platform.js";
import { newUuid } from "../../src/terms.js";

export interface ShopUnderTest extends AsyncDisposable {
  readonly shop: Shop;
  readonly driver: PlatformDriver;
  /** With credentials that work. */
  readonly connection: StoreConnection;
  readonly wrongCredentials: Readonly<Record<string, string>>;
  /** Makes a listing in the shop with that SKU and quantity; the same SKU again makes a second listing. */
  add(sku: string, quantity: number): void;
  /** Null: the shop does not have it. */
  quantityOf(sku: string): number | null;
  /** The shop lowers its own stock, as for an order. */
  sell(sku: string, units: number): void;
  remove(sku: string): void;
  readonly can: {
    readonly compareAndSet: boolean;
    readonly catalogue: boolean;
    readonly readBack: boolean;
    readonly credentialsChecked: boolean;
    readonly perLineErrors: boolean;
    /** False where any 2xx says that everything was taken, whatever its body. */
    readonly answersInBody: boolean;
  };
}

type Listing = ListingAddress & { readonly sku: string };

/** For as many calls as there are. */
export const FOR_EVER = 1_000_000;
/** The most that is looked up or read back at once. */
export const FIND_MOST = 250;
/** What a store is that gave no answer. */
export const UNREACHED = { kind: "unavailable", scope: "store" } as const;

/** A shop with listings SKU-0, SKU-1 … and a connector to it, closed together. */
export class Trial implements AsyncDisposable {
  readonly connector: Connector;
  listings: readonly Listing[] = [];
  readonly #revisions = new Map<string, number>();

  constructor(readonly under: ShopUnderTest) {
    this.connector = under.driver.open(under.connection);
  }

  /** As an import would find them; where there is no catalogue the SKU is the address. */
  async link(skus: readonly string[]): Promise<void> {
    const found = new Map<string, Listing>();
    for (let at = 0; this.under.can.catalogue && at < skus.length; at += FIND_MOST)
      for (const one of valueOf(await this.connector.findBySku(skus.slice(at, at + FIND_MOST), calm())))
        found.set(one.sku, { sku: one.sku, externalId: one.externalId, externalRef: one.externalRef });
    this.listings = skus.map((sku) => {
      const listing = this.under.can.catalogue ? found.get(sku) : { sku, externalId: sku, externalRef: {} };
      if (listing === undefined) throw new Error(`The connector did not find ${sku}.`);
      return listing;
    });
  }

  /** One change for each listing, with the next revision, expecting what the shop has now. */
  changes(quantities: readonly number[], listings: readonly Listing[] = this.listings): readonly Change[] {
    return quantities.map((quantity, index) => {
      const listing = listings[index];
      if (listing === undefined) throw new Error("There are more quantities than listings.");
      const revision = (this.#revisions.get(listing.sku) ?? 0) + 1;
      this.#revisions.set(listing.sku, revision);
      return {
        ...listing,
        listingId: newUuid(),
        quantity,
        expectedQuantity: this.under.quantityOf(listing.sku),
        revision,
      };
    });
  }

  /** The lines in the order of `changes`, whatever calls they went in. */
  async sendAll(changes: readonly Change[], key = newUuid(), signal = calm()): Promise<readonly LineResult[]> {
    const lines = new Map<string, LineResult>();
    for (const [index, call] of this.connector.partition(changes).entries()) {
      const result = await this.connector.send(call, { idempotencyKey: `${key}-${String(index)}`, signal });
      expect(result.lines.length).toBe(call.changes.length);
      expect(result.nextCallInMs).toBeGreaterThanOrEqual(0);
      for (const [at, change] of call.changes.entries()) {
        const line = result.lines[at];
        if (line !== undefined) lines.set(change.listingId, line);
      }
    }
    return changes.flatMap((change) => lines.get(change.listingId) ?? []);
  }

  /** Everything that the platform can be asked, asked. */
  async asked(): Promise<readonly Answer<unknown>[]> {
    const { can } = this.under;
    return [
      ...(can.credentialsChecked ? [await this.connector.check(calm())] : []),
      ...(can.catalogue ? [await this.connector.findBySku(["SKU-0", "SKU-1"], calm())] : []),
      ...(can.readBack ? [await this.connector.readBack(this.listings, calm())] : []),
    ];
  }

  /** As `asked`, where nothing of it may succeed. */
  async askedFailures(): Promise<readonly CallFailure[]> {
    return (await this.asked()).map((answer) => {
      if (answer.ok) throw new Error(`This is no answer to trust: ${JSON.stringify(answer.value)}`);
      return answer.failure;
    });
  }

  /** What became of a send of 8 to the first listing and 9 to the second, and of every question. */
  async failures(): Promise<readonly LineResult[]> {
    return [...(await this.sendAll(this.changes([8, 9]))), ...(await this.askedFailures())];
  }

  async expectEverywhere(failure: Readonly<Record<string, unknown>>): Promise<void> {
    expectAll(await this.failures(), failure);
  }

  quantities(): readonly (number | null)[] {
    return this.listings.map(({ sku }) => this.under.quantityOf(sku));
  }

  /** What the connector sends as Authorization, without its scheme; null where it sends none. */
  async authorizationSeen(): Promise<string | null> {
    let seen: string | undefined;
    const when = ({ headers }: { readonly headers: { readonly authorization?: string | undefined } }): boolean => {
      seen = headers.authorization ?? seen;
      return true;
    };
    this.under.shop.fail({ kind: "status", status: 503 }, { times: FOR_EVER, when });
    await this.sendAll(this.changes([8, 9]));
    this.under.shop.heal();
    return seen?.split(" ").at(-1) ?? null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.under[Symbol.asyncDispose]();
  }
}

/** Starts a shop that has listings SKU-0, SKU-1 … with these quantities, linked. */
export async function begin(start: () => Promise<ShopUnderTest>, quantities: readonly number[]): Promise<Trial> {
  const under = await start();
  const skus = quantities.map((quantity, index) => {
    under.add(`SKU-${String(index)}`, quantity);
    return `SKU-${String(index)}`;
  });
  const trial = new Trial(under);
  await trial.link(skus);
  return trial;
}

/** A signal that never fires. */
export function calm(): AbortSignal {
  return new AbortController().signal;
}

export function valueOf<T>(answer: Answer<T>): T {
  if (!answer.ok) throw new Error(`The shop was asked in vain: ${JSON.stringify(answer.failure)}`);
  return answer.value;
}

export function expectAll(lines: readonly LineResult[], failure: Readonly<Record<string, unknown>>): void {
  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines) expect(line).toMatchObject(failure);
}
