/**
 * One receiver of webhooks for many stores, in a process of its own. Each store may have a path of its own, by which the log
 * tells them apart. Serves whoever forked it.
 */
import { json, type Shop, type ShopAnswer, type ShopOptions, type ShopRequest, startShop } from "../sandbox/sandbox.js";
import { startWebhookShop } from "../sandbox/webhook.js";

/** What it is started for. */
export interface FairShopQuestion {
  readonly latencyMs: number;
  /** Takes whatever comes as it comes, where a careful receiver drops what is older than what it holds: shows the order. */
  readonly careless: boolean;
}
/**
 * What it is told or asked later: which external ids a careful receiver refuses from now on; or for its log, of what came at
 * this moment of the wall clock (in ms) or later.
 */
export type FairShopMessage =
  | { readonly refuse: readonly string[]; readonly because: string }
  | { readonly logSince: number };
export interface FairShopAnswers {
  readonly opened: { readonly url: string; readonly credentials: Readonly<Record<string, string>> };
  /** In the order in which the calls were applied; `receivedAt` is in milliseconds of the wall clock. */
  readonly log: readonly {
    readonly path: string;
    readonly receivedAt: number;
    readonly lines: readonly { readonly externalId: string; readonly after: number | null }[];
  }[];
}

const question = JSON.parse(process.argv[2] ?? "") as FairShopQuestion;
const CARELESS_SECRET = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

function startCarelessShop(options: ShopOptions): Promise<Shop> {
  const held = new Map<string, number>();
  const answer = (request: ShopRequest): ShopAnswer => {
    const { data } = JSON.parse(request.body) as { data: { levels: { externalId: string; quantity: number }[] } };
    const lines = data.levels.map(({ externalId, quantity }) => {
      const before = held.get(externalId) ?? null;
      held.set(externalId, quantity);
      return { externalId, before, after: quantity, applied: true };
    });
    return json(200, {}, { lines });
  };
  return startShop(answer, options);
}

async function open(): Promise<{
  readonly shop: Shop;
  readonly secret: string;
  readonly reject: (externalId: string, message: string) => void;
}> {
  const { latencyMs } = question;
  if (question.careless)
    return { shop: await startCarelessShop({ latencyMs }), secret: CARELESS_SECRET, reject: () => undefined };
  // Nobody reads this one's log.
  const shop = await startWebhookShop({ latencyMs, keepCalls: 1 });
  return { shop, secret: shop.secret, reject: shop.reject };
}

const { shop, secret, reject } = await open();
process.send?.({ url: shop.url, credentials: { secret } } satisfies FairShopAnswers["opened"]);
process.on("message", (message: FairShopMessage) => {
  if ("logSince" in message) {
    const log: FairShopAnswers["log"] = shop.calls
      .map(({ path, receivedMs, lines }) => ({
        path,
        receivedAt: performance.timeOrigin + receivedMs,
        lines: lines.map(({ externalId, after }) => ({ externalId, after })),
      }))
      .filter(({ receivedAt }) => receivedAt >= message.logSince);
    process.send?.(log);
    return;
  }
  for (const externalId of message.refuse) reject(externalId, message.because);
  process.send?.({});
});
process.on("disconnect", () => process.exit());
