import { type ShopifyShop, type ShopifyShopOptions, startShopifyShop } from "../../sandbox/shopify.js";
import { createHttp, type Http } from "../../src/platforms/http.js";
import type { Change, Connector, LineResult, SendResult } from "../../src/platforms/platform.js";
import { shopifyDriver } from "../../src/platforms/shopify/connector.js";
import { newUuid } from "../../src/terms.js";

/** A shop with SKU-0, SKU-1 … of these quantities, and a connector to it. */
export class Stage implements AsyncDisposable {
  readonly ids = new Map<string, string>();
  /** Bodies of all requests, oldest first. */
  readonly bodies: string[] = [];
  readonly connector: Connector;

  private constructor(
    readonly shop: ShopifyShop,
    private readonly http: Http,
    quantities: readonly number[],
    locationId: string | null,
  ) {
    for (const [index, quantity] of quantities.entries()) this.add(`SKU-${String(index)}`, quantity);
    const credentials = { accessToken: shop.accessToken };
    this.connector = shopifyDriver(http).open({ storeId: newUuid(), url: `${shop.url}/`, locationId, credentials });
    this.watch();
  }

  static async set(
    quantities: readonly number[],
    options: ShopifyShopOptions & { readonly locationId?: string | null } = {},
  ): Promise<Stage> {
    const shop = await startShopifyShop({ restoreRate: Infinity, ...options });
    const locationId = options.locationId === undefined ? shop.locationId : options.locationId;
    return new Stage(shop, createHttp({ allowPrivateStores: true }), quantities, locationId);
  }

  /** A fault that never strikes, and sees each request that no earlier fault has hit. */
  watch(): void {
    const when = ({ body }: { readonly body: string }): boolean => {
      this.bodies.push(body);
      return false;
    };
    this.shop.fail({ kind: "reset" }, { when });
  }

  add(sku: string, quantity: number, more: Partial<Parameters<ShopifyShop["add"]>[0]> = {}): void {
    this.ids.set(sku, this.shop.add({ sku, quantity, ...more }));
  }

  /** SKU-0, SKU-1 … to these quantities, expecting what the shop has. */
  changes(quantities: readonly number[]): readonly Change[] {
    return quantities.map((quantity, index) => this.change(`SKU-${String(index)}`, quantity));
  }

  change(sku: string, quantity: number, more: Partial<Change> = {}): Change {
    return {
      listingId: newUuid(),
      sku,
      externalId: this.ids.get(sku) ?? "gid://shopify/InventoryItem/999999",
      externalRef: {},
      quantity,
      expectedQuantity: this.shop.quantityOf(sku),
      revision: 1,
      ...more,
    };
  }

  send(changes: readonly Change[], idempotencyKey = newUuid()): Promise<SendResult> {
    return this.connector.send({ changes }, { idempotencyKey, signal: calm() });
  }

  /** How many of the shop's calls wrote something. */
  writeCount(): number {
    return this.shop.calls.filter(({ lines }) => lines.some(({ applied }) => applied)).length;
  }

  quantities(): readonly (number | null)[] {
    return [...this.ids.keys()].map((sku) => this.shop.quantityOf(sku));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shop.close();
    await this.http.close();
  }
}

export const calm = (): AbortSignal => new AbortController().signal;
export const kinds = ({ lines }: { readonly lines: readonly LineResult[] }): readonly string[] =>
  lines.map(({ kind }) => kind);
export const userError = (code: string, field: readonly string[] | null = null): string =>
  JSON.stringify({
    data: { inventorySetQuantities: { inventoryAdjustmentGroup: null, userErrors: [{ code, field, message: "…" }] } },
  });
export const fault = (code: string, more: object = {}): string =>
  JSON.stringify({ errors: [{ message: "…", extensions: { code } }], ...more });
export const isWrite = ({ body }: { readonly body: string }): boolean => body.includes("inventorySetQuantities");
