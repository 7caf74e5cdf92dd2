/** GraphQL over WebSocket (`graphql-transport-ws`), behind the same guard as HTTP. */
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import {
  type GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
  getOperationAST,
  OperationTypeNode,
} from "graphql";
import { CloseCode, type Context as Connection } from "graphql-ws";
import { type Extra, useServer } from "graphql-ws/use/ws";
import { type WebSocket, WebSocketServer } from "ws";
import type { Authentication } from "../access/api-tokens.js";
import type { Viewer } from "../access/viewer.js";
import { createContext, type Services } from "../resolvers/context.js";
import { bearerToken } from "./bearer.js";
import type { Guard } from "./guard.js";

export interface SocketsOptions {
  readonly server: Server;
  readonly path: string;
  readonly schema: GraphQLSchema;
  readonly guard: Guard;
  readonly services: Services;
  readonly authentication: Authentication;
}

export interface Sockets {
  /** Closes those of a token with 4403: nothing more is sent on them. */
  closeOf(tokenId: string): void;
  /** Closes all with 1001. */
  stop(): Promise<void>;
}

const MAX_FRAME_BYTES = 1024 * 1024;
const INIT_WAIT_MS = 10_000;
const SHUTTING_DOWN = 1001;
const TRY_AGAIN_LATER = 1013;
/** How long a socket outlives its token. */
const TOKEN_CHECK_MS = 1_000;

type Acknowledged = { viewer: Viewer };

export function startSockets(options: SocketsOptions): Sockets {
  const { server, path, schema, guard, services, authentication } = options;
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_FRAME_BYTES });
  const viewers = new Map<WebSocket, Viewer>();
  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // Not by URL's parser, which throws at what anybody may send, such as `//`.
    if (request.url?.split("?", 1)[0] !== path) {
      // Node no longer listens: a client that has gone would end the process.
      socket.on("error", () => undefined);
      socket.end("HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n");
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      sockets.emit("connection", webSocket, request);
      // graphql-ws prints each bad frame of a client past the log, with its stack. ws has closed the socket by then.
      webSocket.removeAllListeners("error").on("error", (error) => {
        services.log.debug({ err: error }, "a client broke its socket");
      });
    });
  };
  server.on("upgrade", upgrade);
  const protocol = useServer<Record<string, unknown>, Acknowledged>(
    {
      // Otherwise the words of an error that nobody expected stand in the reason of the close.
      isProd: true,
      connectionInitWaitTimeout: INIT_WAIT_MS,
      onConnect: async ({ connectionParams, extra }) => {
        const token = bearerToken(connectionParams?.["authorization"]);
        if (token === null) return false;
        let viewer: Viewer | null;
        try {
          viewer = await authentication.viewerOf(token);
        } catch (error) {
          // Not being able to ask is no refusal: the client is to come back.
          services.log.warn({ err: error }, "a token could not be looked up");
          extra.socket.close(TRY_AGAIN_LATER, "Try again later");
          return false;
        }
        if (viewer === null) return false;
        extra.viewer = viewer;
        viewers.set(extra.socket, viewer);
        return true;
      },
      onDisconnect: ({ extra }) => {
        viewers.delete(extra.socket);
      },
      onSubscribe: (connection, _id, { query, variables, operationName }) => {
        const checked = guard.check(query, { variables, operationName });
        if ("errors" in checked) return checked.errors;
        const operation = getOperationAST(checked.document, operationName);
        return {
          schema,
          document: checked.document,
          variableValues: variables ?? null,
          operationName: operationName ?? null,
          contextValue: createContext(services, viewerOf(connection), {
            isLive: operation?.operation === OperationTypeNode.SUBSCRIPTION,
          }),
        };
      },
      onError: (_connection, _id, _payload, errors) => errors.map(formatWith(guard)),
      onNext: (_connection, _id, _payload, _args, result) => {
        if (!result.errors) return undefined;
        return { data: result.data ?? null, errors: result.errors.map(formatWith(guard)) };
      },
    },
    sockets,
  );
  const tokenCheck = setInterval(() => {
    void findEnded(authentication, viewers).catch((error: unknown) => {
      services.log.warn({ err: error }, "looking for ended tokens failed");
    });
  }, TOKEN_CHECK_MS);
  return {
    closeOf: (tokenId) => {
      closeEnded(new Set([tokenId]), viewers);
    },
    stop: async () => {
      clearInterval(tokenCheck);
      server.off("upgrade", upgrade);
      for (const socket of sockets.clients) socket.close(SHUTTING_DOWN, "Going away");
      await protocol.dispose();
    },
  };
}

function formatWith(guard: Guard): (error: GraphQLError) => GraphQLFormattedError {
  return (error) => guard.format(error, error.toJSON());
}

function viewerOf({ extra }: Connection<Record<string, unknown>, Extra & Partial<Acknowledged>>): Viewer {
  // graphql-ws answers 4401 to a subscribe before the connection was acknowledged.
  if (!extra.viewer) throw new Error("A connection was acknowledged without a viewer.");
  return extra.viewer;
}

/** Tokens that were revoked, here or by another process, or have expired. */
async function findEnded(authentication: Authentication, viewers: ReadonlyMap<WebSocket, Viewer>): Promise<void> {
  const tokenIds = [...new Set([...viewers.values()].flatMap((viewer) => viewer.tokenId ?? []))];
  if (tokenIds.length > 0) closeEnded(new Set(await authentication.ended(tokenIds)), viewers);
}

function closeEnded(ended: ReadonlySet<string>, viewers: ReadonlyMap<WebSocket, Viewer>): void {
  for (const [socket, { tokenId }] of viewers)
    if (tokenId !== null && ended.has(tokenId)) socket.close(CloseCode.Forbidden, "Forbidden");
}
