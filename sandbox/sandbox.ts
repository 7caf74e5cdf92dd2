/**
 * What every sandbox shop has: a real HTTP server on loopback, faults on demand, and a log of every call with the quantity
 * before and after, which tests and the chaos checker read. The shops know nothing of Evenkeel.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One line of a write, as the shop did it. `before` and `after` are equal where nothing was written. */
export interface LoggedLine {
  readonly externalId: string;
  readonly before: number | null;
  readonly after: number | null;
  readonly applied: boolean;
}

interface LoggedCall {
  /** Counts the shop's calls, from 1, in the order in which they were applied. */
  readonly at: number;
  /** `performance.now()` of this process when it arrived and when its answer was handed over. */
  readonly receivedMs: number;
  readonly answeredMs: number;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** The fault that hit it, or null. */
  readonly fault: Fault["kind"] | null;
  readonly lines: readonly LoggedLine[];
}

export type Fault =
  /** Answers with this status before doing anything. */
  | {
      readonly kind: "status";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** Does it, but the answer never arrives: the connection is cut. */
  | { readonly kind: "dropAnswer" }
  /** Cuts the connection before doing anything. */
  | { readonly kind: "reset" }
  /** Waits so long before doing anything. */
  | { readonly kind: "stall"; readonly ms: number }
  /** Does it, and answers 200 with this body instead. */
  | { readonly kind: "lie"; readonly body: string };

/** What a shop answers. `lines` go to the log. */
export interface ShopAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
  readonly lines?: readonly LoggedLine[];
}

export interface ShopRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface Shop {
  readonly url: string;
  /** All calls so far, in the order in which they were applied; at most the newest `keepCalls`. */
  readonly calls: readonly LoggedCall[];
  /** The next `times` calls (for which `when` answers true, where given) meet this fault; at once 1. Faults queue up. */
  fail(fault: Fault, options?: { readonly times?: number; readonly when?: (request: ShopRequest) => boolean }): void;
  /** Forgets all faults that have not struck. */
  heal(): void;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface ShopOptions {
  /** 0, a free port, where absent. */
  readonly port?: number;
  /** Each call takes at least so long. */
  readonly latencyMs?: number;
  readonly keepCalls?: number;
}

interface PendingFault {
  readonly fault: Fault;
  times: number;
  readonly when: (request: ShopRequest) => boolean;
}

/** Starts a shop whose calls `answer` does, one after another in the order of arrival. `answer` must not throw. */
export async function startShop(
  answer: (request: ShopRequest) => ShopAnswer | Promise<ShopAnswer>,
  options: ShopOptions = {},
): Promise<Shop> {
  const calls: LoggedCall[] = [];
  const keepCalls = options.keepCalls ?? 1_000_000;
  let faults: PendingFault[] = [];
  let counted = 0;
  const strike = (request: ShopRequest): Fault | null => {
    const pending = faults.find((one) => one.when(request));
    if (!pending) return null;
    pending.times -= 1;
    if (pending.times <= 0) faults = faults.filter((one) => one !== pending);
    return pending.fault;
  };
  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const receivedMs = performance.now();
    const request: ShopRequest = {
      method: incoming.method ?? "GET",
      url: new URL(incoming.url ?? "/", "http://sandbox"),
      headers: incoming.headers,
      body: await readBody(incoming),
    };
    const fault = strike(request);
    const waitMs = (options.latencyMs ?? 0) + (fault?.kind === "stall" ? fault.ms : 0);
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const done: ShopAnswer =
      fault?.kind === "status"
        ? { status: fault.status, body: fault.body ?? "", ...(fault.headers && { headers: fault.headers }) }
        : fault?.kind === "reset"
          ? { status: 0, body: "" }
          : await answer(request);
    counted += 1;
    calls.push({
      at: counted,
      receivedMs,
      answeredMs: performance.now(),
      method: request.method,
      path: request.url.pathname,
      status: done.status,
      fault: fault?.kind ?? null,
      lines: done.lines ?? [],
    });
    if (calls.length > keepCalls) calls.splice(0, calls.length - keepCalls);
    if (fault?.kind === "reset" || fault?.kind === "dropAnswer") {
      incoming.socket.destroy();
      return;
    }
    const body = fault?.kind === "lie" ? fault.body : done.body;
    response.writeHead(done.status, { "content-type": "application/json", ...done.headers });
    response.end(body);
  };
  const server = createServer((incoming, response) => {
    handle(incoming, response).catch((error: unknown) => {
      // A sandbox that fails is a bug of the sandbox: say so loudly instead of looking like a broken shop.
      response.destroy(error instanceof Error ? error : new Error(String(error)));
      process.emitWarning(error instanceof Error ? error : new Error(String(error)));
    });
  });
  server.keepAliveTimeout = 60_000;
  const url = await listen(server, options.port ?? 0);
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    if (!server.listening) return;
    server.close();
    await once(server, "close");
  };
  return {
    url,
    calls,
    fail: (fault, { times = 1, when = () => true } = {}) => {
      faults.push({ fault, times, when });
    },
    heal: () => {
      faults = [];
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function listen(server: Server, port: number): Promise<string> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part as Buffer);
  return Buffer.concat(parts).toString("utf8");
}

/** A JSON answer. */
export function json(
  status: number,
  value: unknown,
  more: { readonly headers?: Readonly<Record<string, string>>; readonly lines?: readonly LoggedLine[] } = {},
): ShopAnswer {
  return { status, body: JSON.stringify(value), ...more };
}
