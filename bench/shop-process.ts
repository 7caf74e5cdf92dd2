/** A sandbox shop in a process of its own, so that what it costs is not counted as ours. Serves whoever forked it. */
import type { Shop } from "../sandbox/sandbox.js";
import { startShopifyShop } from "../sandbox/shopify.js";
import { startWebhookShop } from "../sandbox/webhook.js";
import type { ShopAnswers, ShopQuestion } from "./stage.js";

const { platform, skus } = JSON.parse(process.argv[2] ?? "") as ShopQuestion;

async function open(): Promise<{ shop: Shop; credentials: Readonly<Record<string, string>> }> {
  if (platform === "SHOPIFY") {
    const shop = await startShopifyShop({ restoreRate: Infinity });
    for (const sku of skus) shop.add({ sku, quantity: 0 });
    return { shop, credentials: { accessToken: shop.accessToken } };
  }
  const shop = await startWebhookShop();
  return { shop, credentials: { secret: shop.secret } };
}

/** What `performance.now()` lacks to the wall clock, in milliseconds; read at the moment a millisecond begins. */
function toWallClock(): number {
  const before = Date.now();
  while (Date.now() === before);
  return Date.now() - performance.now();
}

const { shop, credentials } = await open();
process.send?.({ url: shop.url, credentials } satisfies ShopAnswers["opened"]);
process.on("message", () => {
  const offset = toWallClock();
  const lines = shop.calls.flatMap(({ answeredMs, lines: written }) =>
    written.map(({ externalId, after }) => ({ externalId, after, answeredAt: answeredMs + offset })),
  );
  process.send?.({ calls: shop.calls.length, lines } satisfies ShopAnswers["log"]);
});
process.on("disconnect", () => process.exit());
