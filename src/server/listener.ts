/** What every process listens with, whatever its role: liveness, readiness, and an end that loses no request. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import express, { type Express } from "express";
import { type Queryable, sql } from "../sync/sql.js";

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly dataSource: Queryable;
  /** What is served beside /healthz and /readyz. */
  addRoutes?(app: Express): void;
  onListening?(server: Server): void;
  /** Before requests under way are waited for. */
  onStopping?(): Promise<void>;
  onStopped?(): Promise<void>;
}

export interface Listener {
  readonly port: number;
  /**
   * Not ready from now on; after `unreadyMs`, in which a load balancer takes notice, nothing new is accepted; what is under way
   * is finished, for `graceMs` at most.
   */
  stop(how: { readonly unreadyMs: number; readonly graceMs: number }): Promise<void>;
}

const READY_MS = 2_000;

/** Rejects where the address cannot be listened on. */
export async function startListener(options: ListenerOptions): Promise<Listener> {
  let isStopping = false;
  const app = express();
  app.disable("x-powered-by");
  app.use((_request, response, next) => {
    // A client that keeps its connection would send the next request into the closing of it.
    if (isStopping) response.set("connection", "close");
    next();
  });
  app.get("/healthz", (_request, response) => {
    response.json({ status: "alive" });
  });
  app.get("/readyz", async (_request, response) => {
    const isReady = !isStopping && (await answers(options.dataSource));
    response.status(isReady ? 200 : 503).json({ status: isReady ? "ready" : "not ready" });
  });
  options.addRoutes?.(app);
  const server = createServer(app);
  options.onListening?.(server);
  server.listen(options.port, options.host);
  // Rejects where the server emits "error" instead.
  await once(server, "listening");
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : options.port,
    stop: async ({ unreadyMs, graceMs }) => {
      isStopping = true;
      await delay(unreadyMs);
      const closed = once(server, "close");
      server.close();
      await options.onStopping?.();
      server.closeIdleConnections();
      await Promise.race([closed, delay(graceMs, undefined, { ref: false })]);
      server.closeAllConnections();
      await options.onStopped?.();
    },
  };
}

async function answers(dataSource: Queryable): Promise<boolean> {
  const late = new AbortController();
  const answered = await Promise.race([
    sql(dataSource, "select 1").then(
      () => true,
      () => false,
    ),
    delay(READY_MS, false, { signal: late.signal }).catch(() => false),
  ]);
  late.abort();
  return answered;
}
