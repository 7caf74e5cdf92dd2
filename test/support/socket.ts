/** One raw `graphql-transport-ws` connection, for what a client library would hide: close codes, and each message as it came. */
import { once } from "node:events";
import { WebSocket } from "ws";
import { z } from "zod";
import { until } from "./until.js";

const Message = z.looseObject({ type: z.string(), id: z.string().optional(), payload: z.unknown().optional() });
const Errors = z.array(z.looseObject({ message: z.string(), extensions: z.looseObject({ code: z.string() }) }));
const Result = z.object({ data: z.unknown(), errors: Errors.optional() });

interface SocketAnswer {
  readonly data: unknown;
  readonly codes: readonly string[];
  /** Everything that was said, as text. */
  readonly raw: string;
}

export interface Socket extends AsyncDisposable {
  /** Null while it is open. */
  closeCode(): number | null;
  /** Every message of the server so far, as text. */
  heard(): readonly string[];
  send(message: object): void;
  sendRaw(frame: string | Buffer): void;
  /** One query or mutation, or the first that comes of a subscription. */
  run(query: string, variables?: object): Promise<SocketAnswer>;
  /** The first that comes of it before `meanwhile` is over; where nothing does, `raw` is "nothing". */
  runDuring(query: string, variables: object, meanwhile: () => Promise<unknown>): Promise<SocketAnswer>;
  /** Begins a subscription whose messages nobody reads; answers when the server has taken it or refused it. */
  subscribe(query: string, variables?: object): void;
}

/** Opens a connection; with `connection_init` as this token where it is not undefined. Answers once it was acknowledged or closed. */
export async function openSocket(url: string, token?: string | null): Promise<Socket> {
  const socket = new WebSocket(url, "graphql-transport-ws");
  const received: z.infer<typeof Message>[] = [];
  let closeCode: number | null = null;
  socket.on("message", (data: Buffer) => received.push(Message.parse(JSON.parse(data.toString()))));
  socket.on("close", (code) => {
    closeCode = code;
  });
  await once(socket, "open");
  const send = (message: object): void => {
    socket.send(JSON.stringify(message));
  };
  if (token !== undefined) {
    send({ type: "connection_init", ...(token !== null && { payload: { authorization: `Bearer ${token}` } }) });
    await until(() => closeCode !== null || received.some((message) => message.type === "connection_ack"));
  }
  let started = 0;
  const subscribe = (query: string, variables: object = {}): string => {
    started += 1;
    const id = String(started);
    send({ type: "subscribe", id, payload: { query, variables } });
    return id;
  };
  const answerOf = (first: z.infer<typeof Message>): SocketAnswer => {
    const raw = JSON.stringify(first);
    if (first.type === "closed") return { data: null, codes: [`closed ${String(closeCode)}`], raw };
    if (first.type === "error")
      return { data: null, codes: Errors.parse(first.payload).map((error) => error.extensions.code), raw };
    const { data, errors = [] } = Result.parse(first.payload);
    return { data, codes: errors.map((error) => error.extensions.code), raw };
  };
  return {
    closeCode: () => closeCode,
    heard: () => received.map((message) => JSON.stringify(message)),
    send,
    sendRaw: (frame) => {
      socket.send(frame);
    },
    subscribe: (query, variables) => {
      subscribe(query, variables);
    },
    run: async (query, variables) => {
      const id = subscribe(query, variables);
      return answerOf(
        await until(() => {
          if (closeCode !== null) return { type: "closed", id, payload: null };
          return received.find((message) => message.id === id);
        }),
      );
    },
    runDuring: async (query, variables, meanwhile) => {
      const id = subscribe(query, variables);
      await meanwhile();
      const first = received.find((message) => message.id === id);
      send({ type: "complete", id });
      return first ? answerOf(first) : { data: null, codes: [], raw: "nothing" };
    },
    [Symbol.asyncDispose]: async () => {
      if (closeCode !== null) return;
      socket.close();
      await once(socket, "close");
    },
  };
}
