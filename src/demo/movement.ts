/** Lifelike stock movement: orders, shipments, receipts, counts, sales in the shops, and now and then a shop that stumbles. */
import { setTimeout as delay } from "node:timers/promises";
import type { DataSource } from "typeorm";
import type { Log } from "../log.js";
import { adjustInventory, commitInventory, receiveInventory, shipInventory } from "../sync/record-inventory-change.js";
import { sql, type Tx } from "../sync/sql.js";
import { UserMistake } from "../sync/user-mistake.js";
import { type DemoItem, type DemoMerchant, HARBOR, NEVER_INDEXES, NORTHWIND } from "./catalogue.js";
import type { DemoShop } from "./shops.js";

export interface Movement {
  stop(): Promise<void>;
}

interface Merchant {
  readonly customerId: string;
  readonly merchant: DemoMerchant;
}

const BY = "demo warehouse";
const PAUSE_MS = 300;
const STUMBLE_EVERY_MS = 4_000;

export function startMovement(options: {
  readonly dataSource: DataSource;
  readonly log: Log;
  readonly shops: readonly DemoShop[];
  /** Keys by the merchants' externalRef. */
  readonly customerIds: ReadonlyMap<string, string>;
  readonly onChanged: () => void;
}): Movement {
  const { dataSource, log, shops, customerIds, onChanged } = options;
  const stopped = new AbortController();
  const merchants = [HARBOR, NORTHWIND].flatMap((merchant): Merchant[] => {
    const customerId = customerIds.get(merchant.externalRef);
    return customerId === undefined ? [] : [{ customerId, merchant }];
  });
  const run = async (): Promise<void> => {
    let stumbledAt = performance.now();
    while (!stopped.signal.aborted) {
      try {
        const change = { ...pick(merchants), shop: pick(shops) };
        await dataSource.transaction((tx) => somethingHappens(tx, change));
        onChanged();
      } catch (error) {
        // Not enough on the shelf, say: real warehouses hear that too.
        // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- aborted while we awaited
        if (!(error instanceof UserMistake) && !stopped.signal.aborted)
          log.warn({ err: error }, "demo movement failed");
      }
      if (performance.now() - stumbledAt > STUMBLE_EVERY_MS) {
        pick(shops).shop.fail({ kind: "status", status: 503, body: "Briefly down for maintenance" });
        stumbledAt = performance.now();
      }
      await delay(PAUSE_MS, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  };
  const running = run();
  return {
    stop: async () => {
      stopped.abort();
      await running;
    },
  };
}

async function somethingHappens(tx: Tx, { customerId, merchant, shop }: Merchant & { shop: DemoShop }): Promise<void> {
  const warehouse = pick(merchant.warehouses).code;
  const received = merchant.items.filter((item) => item.opening !== null);
  const { sku } = pick(received);
  const line = (quantity: number) => ({ customerId, lines: [{ sku, quantity, warehouse }] });
  const dice = Math.random();
  if (dice < 0.35) {
    await commitInventory(tx, BY, line(1 + upTo(2)));
    return;
  }
  if (dice < 0.6) return shipSomething(tx, customerId);
  if (dice < 0.7) {
    await receiveInventory(tx, BY, line(10 + upTo(30)));
    return;
  }
  if (dice < 0.8) return recount(tx, customerId, sku, warehouse);
  // An order placed and called off at once: nothing changes, and the outcome says so.
  if (dice < 0.88) {
    await commitInventory(tx, BY, line(1));
    await commitInventory(tx, BY, line(-1));
    return;
  }
  if (dice < 0.96)
    return moveOne(tx, customerId, pick(NEVER_INDEXES.flatMap((at) => merchant.items[at] ?? [])), warehouse);
  shop.sell(pick(shop.merchant.items).sku, 1);
}

async function moveOne(tx: Tx, customerId: string, item: DemoItem, warehouse: string): Promise<void> {
  await receiveInventory(tx, BY, { customerId, lines: [{ sku: item.sku, quantity: 1, warehouse }] });
}

async function recount(tx: Tx, customerId: string, sku: string, warehouse: string): Promise<void> {
  const onHandDelta = Math.random() < 0.5 ? -1 : 1;
  await adjustInventory(tx, BY, { customerId, lines: [{ sku, onHandDelta, warehouse }], reason: "recount" });
}

/** The oldest promise is shipped. */
async function shipSomething(tx: Tx, customerId: string): Promise<void> {
  const [level] = await sql<{ sku: string; committed: number; warehouse: string }>(
    tx,
    `select i.sku, l.committed, w.code as warehouse
       from inventory_level l join item i on i.id = l.item_id join warehouse w on w.id = l.warehouse_id
      where l.customer_id = $1 and l.committed > 0 and l.on_hand >= l.committed order by i.updated_at limit 1`,
    [customerId],
  );
  if (!level) return;
  const { sku, committed, warehouse } = level;
  await shipInventory(tx, BY, { customerId, lines: [{ sku, quantity: committed, warehouse }] });
}

/** A whole number, 0 … most. */
function upTo(most: number): number {
  return Math.floor(Math.random() * (most + 1));
}

function pick<T>(from: readonly T[]): T {
  const one = from[upTo(from.length - 1)];
  if (one === undefined) throw new Error("There is nothing to pick from.");
  return one;
}
