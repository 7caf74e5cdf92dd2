/**
 * A subscriber of the outcome feed as partners write one: the stock graphql-ws client, its retries on, which after a loss asks
 * again for what follows the last cursor that it has seen. Tests judge only by what comes to it.
 */
import { createClient } from "graphql-ws";
import { WebSocket } from "ws";
import { z } from "zod";

const Outcome = z.object({
  cursor: z.string(),
  status: z.string(),
  quantitySent: z.number().nullable(),
  store: z.object({ id: z.string() }),
  item: z.object({ id: z.string(), sku: z.string() }),
});
export type SeenOutcome = z.infer<typeof Outcome>;
const Message = z.object({ syncOutcomes: Outcome });
const Coded = z.looseObject({ extensions: z.looseObject({ code: z.string() }) });

const QUERY = `subscription ($customerId: ID!, $after: String, $filter: OutcomeFilter) {
  syncOutcomes(customerId: $customerId, after: $after, filter: $filter) {
    cursor status quantitySent store { id } item { id sku }
  }
}`;

export interface SubscriberOptions {
  readonly customerId: string;
  /** From now on where absent. */
  readonly after?: string;
  readonly filter?: object;
}

export interface Subscriber extends AsyncDisposable {
  /** In the order in which they came. */
  readonly seen: readonly SeenOutcome[];
  /** Of the errors that came instead of outcomes: their codes. */
  readonly errors: readonly string[];
  /** How its connections ended so far. */
  readonly closeCodes: readonly number[];
  /** How often the server has acknowledged a connection. */
  connections(): number;
  /** Cuts its connection, as a bad network does: it comes back by itself. */
  cut(): void;
  /** Unsubscribes and goes. */
  leave(): Promise<void>;
}

export function subscribe(
  { wsUrl, token }: { readonly wsUrl: string; readonly token: string },
  { customerId, after, filter }: SubscriberOptions,
): Subscriber {
  const seen: SeenOutcome[] = [];
  const errors: string[] = [];
  const closeCodes: number[] = [];
  let connections = 0;
  let socket: WebSocket | null = null;
  const client = createClient({
    url: wsUrl,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${token}` },
    retryAttempts: Number.POSITIVE_INFINITY,
    // By default a refused connection, of a gateway that is being restarted, ends the subscription.
    shouldRetry: () => true,
    // The default waits seconds after a loss: here there are many.
    retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
    on: {
      connected: (opened) => {
        connections += 1;
        socket = opened instanceof WebSocket ? opened : null;
      },
      closed: (event) => {
        closeCodes.push(z.object({ code: z.number() }).parse(event).code);
      },
    },
  });
  let cursor = after ?? null;
  const unsubscribe = client.subscribe(
    {
      query: QUERY,
      // Read anew at each retry.
      get variables() {
        return { customerId, after: cursor, filter: filter ?? null };
      },
    },
    {
      next: ({ data, errors: told }) => {
        const parsed = Message.safeParse(data);
        if (parsed.success) {
          seen.push(parsed.data.syncOutcomes);
          cursor = parsed.data.syncOutcomes.cursor;
        } else errors.push(...codesOf(told));
      },
      error: (error) => {
        errors.push(...codesOf(error));
      },
      complete: () => undefined,
    },
  );
  const leave = async (): Promise<void> => {
    unsubscribe();
    // Rejects where it was just trying to come back.
    await Promise.resolve(client.dispose()).catch(() => undefined);
  };
  return {
    seen,
    errors,
    closeCodes,
    connections: () => connections,
    cut: () => {
      socket?.terminate();
    },
    leave,
    [Symbol.asyncDispose]: leave,
  };
}

function codesOf(told: unknown): readonly string[] {
  const parsed = z.array(Coded).safeParse(told);
  return parsed.success ? parsed.data.map((error) => error.extensions.code) : [`uncoded: ${String(told)}`];
}
