/** HTTP: GraphQL by Apollo at /graphql, with health beside it; WebSocket on the same path. */
import { ApolloServer, type ApolloServerPlugin } from "@apollo/server";
import { ApolloServerPluginLandingPageDisabled } from "@apollo/server/plugin/disabled";
import { expressMiddleware } from "@as-integrations/express5";
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from "express";
import { GraphQLError, type GraphQLSchema, OperationTypeNode } from "graphql";
import type { Authentication } from "../access/api-tokens.js";
import type { Viewer } from "../access/viewer.js";
import { type Context, createContext, type Services } from "../resolvers/context.js";
import { bearerToken, UNAUTHENTICATED } from "./bearer.js";
import { createGuard, type Guard } from "./guard.js";
import { type Listener, startListener } from "./listener.js";
import { type Sockets, startSockets } from "./sockets.js";

export interface ServerOptions {
  readonly schema: GraphQLSchema;
  readonly services: Omit<Services, "tokenRevoked">;
  readonly authentication: Authentication;
  readonly host: string;
  readonly port: number;
}

const PATH = "/graphql";
/** A selection of 100,000 SKUs is about 3 MB. */
const MAX_BODY = "8mb";

export async function startServer(options: ServerOptions): Promise<Listener> {
  const { schema, authentication } = options;
  let sockets: Sockets | null = null;
  const services: Services = { ...options.services, tokenRevoked: (tokenId) => sockets?.closeOf(tokenId) };
  const guard = createGuard(schema, services.log);
  const apollo = new ApolloServer<Context>({
    schema,
    introspection: true,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    allowBatchedHttpRequests: false,
    persistedQueries: false,
    parseOptions: guard.parseOptions,
    formatError: (formatted, error) => guard.format(error, formatted),
    plugins: [ApolloServerPluginLandingPageDisabled(), weighing(guard)],
  });
  await apollo.start();
  const viewers = new WeakMap<object, Viewer>();
  const addRoutes = (app: Express): void => {
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
      response
        .type("text/plain")
        .send("Evenkeel is running. GraphQL is at /graphql; the README shows a first query.\n");
    });
    app.use(requestErrors(services));
  };
  return startListener({
    ...options,
    dataSource: services.dataSource,
    addRoutes,
    onListening: (server) => {
      sockets = startSockets({ server, path: PATH, schema, guard, services, authentication });
    },
    onStopping: async () => {
      await sockets?.stop();
    },
    onStopped: () => apollo.stop(),
  });
}

/** What Apollo does not ask of a document that it has found valid: its cost, and that HTTP can answer it. */
function weighing(guard: Guard): ApolloServerPlugin<Context> {
  return {
    requestDidStart: () =>
      Promise.resolve({
        didResolveOperation: ({ document, operation, request }) => {
          const { variables, operationName } = request;
          const isLive = operation?.operation === OperationTypeNode.SUBSCRIPTION;
          const error =
            guard.costError({ document, variables, operationName }) ?? (isLive ? onlyOverWebSocket() : null);
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
