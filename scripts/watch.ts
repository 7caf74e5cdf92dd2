/**
 * `npm run watch -- URL TOKEN CUSTOMER_ID [CURSOR]`: prints every outcome of a customer, live. Where the connection is lost it
 * goes on behind the last cursor it has seen: nothing is missed, nothing printed twice.
 */
import { createClient } from "graphql-ws";
import { WebSocket } from "ws";
import { z } from "zod";

const [url, token, customerId, from] = process.argv.slice(2);
if (!url || !token || !customerId) {
  process.stderr.write("Usage: npm run watch -- URL TOKEN CUSTOMER_ID [CURSOR]\n");
  process.exit(2);
}

const Message = z.object({
  syncOutcomes: z.object({
    cursor: z.string(),
    status: z.string(),
    trigger: z.string(),
    quantityBefore: z.number().nullable(),
    quantitySent: z.number().nullable(),
    lagMs: z.number().nullable(),
    platformMessage: z.string().nullable(),
    skips: z.array(z.object({ reason: z.string() })),
    item: z.object({ sku: z.string() }),
    store: z.object({ name: z.string() }),
  }),
});

const client = createClient({
  url: url.replace(/^http/, "ws"),
  webSocketImpl: WebSocket,
  connectionParams: { authorization: `Bearer ${token}` },
  lazy: false,
  retryAttempts: Number.POSITIVE_INFINITY,
  // By default a refused connection, of a gateway that is being restarted, would end it.
  shouldRetry: () => true,
  onNonLazyError: () => undefined,
});

let cursor = from ?? null;
client.subscribe(
  {
    query: `subscription ($customerId: ID!, $after: String) {
        syncOutcomes(customerId: $customerId, after: $after) {
          cursor status trigger quantityBefore quantitySent lagMs platformMessage
          skips { reason } item { sku } store { name }
        }
      }`,
    // After a loss the client subscribes again by itself: with the cursor of then.
    get variables() {
      return { customerId, after: cursor };
    },
  },
  {
    next: ({ data, errors }) => {
      const parsed = Message.safeParse(data);
      if (!parsed.success) {
        process.stderr.write(`${JSON.stringify(errors ?? data)}\n`);
        return;
      }
      const { syncOutcomes: outcome } = parsed.data;
      cursor = outcome.cursor;
      process.stdout.write(`${lineOf(outcome)}\n`);
    },
    error: (error) => {
      process.stderr.write(`${error instanceof Error ? error.message : JSON.stringify(error)}\n`);
      process.exit(1);
    },
    complete: () => undefined,
  },
);

function lineOf(outcome: z.infer<typeof Message>["syncOutcomes"]): string {
  const { status, item, store, quantityBefore, quantitySent, lagMs } = outcome;
  const quantities = quantitySent === null ? "" : `${String(quantityBefore ?? "–")} → ${String(quantitySent)}`;
  const why = outcome.platformMessage ?? outcome.skips.map((skip) => skip.reason).join(", ");
  const lag = lagMs === null ? "" : `${String(lagMs)} ms`;
  return [
    outcome.cursor.padStart(7),
    status.padEnd(10),
    item.sku.padEnd(9),
    quantities.padEnd(11),
    lag.padEnd(8),
    store.name,
    why,
  ]
    .join("  ")
    .trimEnd();
}
