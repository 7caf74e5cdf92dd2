/** A sandbox shop in a process of its own, so that what it costs is not counted as ours. Serves whoever forked it. */
import { once } from "node:events";
import type { Shop } from "../sandbox/sandbox.js";
import { type ShopifyShop, startShopifyShop } from "../sandbox/shopify.js";
import { startWebhookShop } from "../sandbox/webhook.js";
import type { ShopAnswers, ShopMessage, ShopQuestion, ShopStock } from "./stage.js";

const { platform } = JSON.parse(process.argv[2] ?? "") as ShopQuestion;
const [{ skus }] = (await once(process, "message")) as [ShopStock];

interface OpenShop {
  readonly shop: Shop;
  readonly credentials: Readonly<Record<string, string>>;
  /** Of each call, in the log's order: whether it writes. */
  readonly writes: readonly boolean[];
  readonly reopen: (restoreRate: number) => Promise<OpenShop>;
}

async function openShopify(restoreRate: number, before: ShopifyShop | null): Promise<OpenShop> {
  await before?.close();
  const shop = await startShopifyShop({ restoreRate, ...(before && { port: Number(new URL(before.url).port) }) });
  // Added in the same order, each item has its id again.
  for (const sku of skus) shop.add({ sku, quantity: before?.quantityOf(sku) ?? 0 });
  const writes: boolean[] = [];
  // A fault that never strikes sees every call, just before the log has it.
  const looksOn = ({ body }: { readonly body: string }): boolean => {
    writes.push(/^\{"query":"(\\n|\s)*mutation\b/.test(body));
    return false;
  };
  shop.fail({ kind: "reset" }, { when: looksOn });
  return {
    shop,
    credentials: { accessToken: shop.accessToken },
    writes,
    reopen: (rate) => openShopify(rate, shop),
  };
}

async function openWebhook(): Promise<OpenShop> {
  const shop = await startWebhookShop();
  const reopen = (): Promise<OpenShop> => Promise.reject(new Error("Only a SHOPIFY shop has a bucket."));
  return { shop, credentials: { secret: shop.secret }, writes: [], reopen };
}

/** What `performance.now()` lacks to the wall clock, in milliseconds; read at the moment a millisecond begins. */
function toWallClock(): number {
  const before = Date.now();
  while (Date.now() === before);
  return Date.now() - performance.now();
}

function logOf({ shop }: OpenShop): ShopAnswers["log"] {
  const offset = toWallClock();
  const lines = shop.calls.flatMap(({ answeredMs, lines: written }) =>
    written.map(({ externalId, after }) => ({ externalId, after, answeredAt: answeredMs + offset })),
  );
  return { calls: shop.calls.length, lines };
}

function callsOf({ shop, writes }: OpenShop): ShopAnswers["calls"] {
  const offset = toWallClock();
  return shop.calls.map(({ receivedMs, lines }, index) => ({
    receivedAt: receivedMs + offset,
    isWrite: writes[index] ?? true,
    lines: lines.map(({ externalId, after }) => ({ externalId, after })),
  }));
}

let open = platform === "SHOPIFY" ? await openShopify(Infinity, null) : await openWebhook();

async function answer(message: ShopMessage): Promise<ShopAnswers["log" | "calls" | "reopened"]> {
  if (message === "log") return logOf(open);
  if (message === "calls") return callsOf(open);
  open = await open.reopen(message.restoreRate ?? Infinity);
  return {};
}

process.send?.({ url: open.shop.url, credentials: open.credentials } satisfies ShopAnswers["opened"]);
process.on("message", (message: ShopMessage) => {
  void answer(message).then((told) => process.send?.(told));
});
process.on("disconnect", () => process.exit());
