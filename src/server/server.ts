/** HTTP: GraphQL by Apollo at /graphql, with health beside it; WebSocket on the same path. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { ApolloServer, type ApolloServerPlugin } from "@apollo/server";
import { ApolloServerPluginLandingPageDisabled } from "@apollo/server/plugin/disabled";
import { expressMiddleware } from "@as-integrations/express5";
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from "express";
import { GraphQLError, type GraphQLSchema, OperationTypeNode } from "graphql";
import type { Authentication } from "../access/api-tokens.js";
import type { Viewer } from "../access/viewer.js";
import { type Context, createContext, type Services } from "../resolvers/context.js";
import { sql } from "../sync/sql.js";
import { bearerToken, UNAUTHENTICATED } from "./bearer.js";
import { createGuard, type Guard } from "./guard.js";
import { startSockets } from "./sockets.js";

export interface ServerOptions {
  readonly schema: GraphQLSchema;
  readonly services: Services;
  readonly authentication: Authentication;
  readonly host: string;
  readonly port: number;
}

export interface RunningServer {
  readonly port: number;
  /** Not ready any more, sockets closed 1001, requests under way finished (at most `graceMs`). */
  stop(graceMs: number): Promise<void>;
}

const PATH = "/graphql";
/** A selection of 100,000 SKUs is about 3 MB. */
const MAX_BODY = "8mb";
const READY_MS = 2_000;

export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { schema, services, authentication } = options;
  const guard = createGuard(schema, services.log);
  const apollo = new ApolloServer<Context>({
    schema,
    introspection: true,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    allowBatchedHttpRequests: false,
    persistedQueries: false,
    validationRules: [...guard.validationRules],
    parseOptions: guard.parseOptions,
    formatError: (formatted, error) => guard.format(error, formatted),
    plugins: [ApolloServerPluginLandingPageDisabled(), weighing(guard)],
  });
  await apollo.start();
  let isStopping = false;
  const app = express();
  app.disable("x-powered-by");
  addHealth(app, services, () => !isStopping);
  const viewers = new WeakMap<object, Viewer>();
  app.use(
    PATH,
    authenticate(authentication, viewers),
    express.json({ limit: MAX_BODY }),
    expressMiddleware(apollo, {
      context: ({ req }) => {
        const viewer = viewers.get(req);
        if (!viewer) throw new Error("A request came past authentication.");
        return Promise.resolve(createContext(services, viewer, { isLive: false }));
      },
    }),
  );
  app.get("/", (_request, response) => {
    response.type("text/plain").send("Evenkeel is running. GraphQL is at /graphql; the README shows a first query.\n");
  });
  app.use(requestErrors(services));
  const server = createServer(app);
  const sockets = startSockets({ server, path: PATH, schema, guard, services, authentication });
  await listen(server, options);
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : options.port,
    stop: async (graceMs) => {
      isStopping = true;
      const closed = once(server, "close");
      server.close();
      await sockets.stop();
      server.closeIdleConnections();
      await Promise.race([closed, delay(graceMs, undefined, { ref: false })]);
      server.closeAllConnections();
      await apollo.stop();
    },
  };
}

async function listen(server: Server, { port, host }: ServerOptions): Promise<void> {
  server.listen(port, host);
  // Rejects where the server emits "error" instead.
  await once(server, "listening");
}

/** What Apollo does not ask of a document that it has found valid: that it can be answered over HTTP, and its cost. */
function weighing(guard: Guard): ApolloServerPlugin<Context> {
  return {
    requestDidStart: () =>
      Promise.resolve({
        didResolveOperation: ({ document, operation, request }) => {
          const { variables, operationName } = request;
          if (operation?.operation === OperationTypeNode.SUBSCRIPTION) return Promise.reject(onlyOverWebSocket());
          const error = guard.costError({ document, variables, operationName });
          return error ? Promise.reject(error) : Promise.resolve();
        },
      }),
  };
}

function onlyOverWebSocket(): GraphQLError {
  return new GraphQLError("Subscriptions are answered over WebSocket, at the same URL: graphql-transport-ws.", {
    extensions: { code: "BAD_USER_INPUT", http: { status: 400 } },
  });
}

function addHealth(app: Express, { dataSource }: Services, isAccepting: () => boolean): void {
  app.get("/healthz", (_request, response) => {
    response.json({ status: "alive" });
  });
  app.get("/readyz", async (_request, response) => {
    const late = new AbortController();
    const answers = await Promise.race([
      sql(dataSource, "select 1").then(
        () => true,
        () => false,
      ),
      delay(READY_MS, false, { signal: late.signal }).catch(() => false),
    ]);
    late.abort();
    const isReady = answers && isAccepting();
    response.status(isReady ? 200 : 503).json({ status: isReady ? "ready" : "not ready" });
  });
}

/** Before the body is read: nobody without a token makes us read megabytes. */
function authenticate(authentication: Authentication, viewers: WeakMap<object, Viewer>): RequestHandler {
  return async (request, response, next) => {
    const token = bearerToken(request.headers.authorization);
    const viewer = token === null ? null : await authentication.viewerOf(token);
    if (viewer === null) {
      response
        .status(401)
        .set("www-authenticate", "Bearer")
        .json({ errors: [{ message: UNAUTHENTICATED, extensions: { code: "UNAUTHENTICATED" } }] });
      return;
    }
    viewers.set(request, viewer);
    next();
  };
}

/** What goes wrong before Apollo: a body that is too large or no JSON, or the database being away. */
function requestErrors({ log }: Services): ErrorRequestHandler {
  return (error: unknown, _request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const status = statusOf(error);
    if (status >= 500) log.error({ err: error }, "a request failed for a reason of ours");
    const { code, message } =
      status < 500
        ? {
            code: "BAD_USER_INPUT",
            message: status === 413 ? `The body is larger than ${MAX_BODY}.` : "The body is not valid JSON.",
          }
        : { code: "INTERNAL_SERVER_ERROR", message: "Something went wrong on our side. Try again." };
    response.status(status).json({ errors: [{ message, extensions: { code } }] });
  };
}

function statusOf(error: unknown): number {
  if (typeof error === "object" && error !== null && "status" in error && typeof error.status === "number")
    return error.status;
  return 503;
}
