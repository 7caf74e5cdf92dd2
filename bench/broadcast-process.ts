/** The feed's control: says the same to as many clients, and does nothing else. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { type WebSocket, WebSocketServer } from "ws";
import type { Broadcast } from "./feed.js";

const { outcome, count, subscribers } = JSON.parse(process.argv[2] ?? "") as Broadcast;
/** More waits for the clients to read. */
const MOST_BUFFERED_BYTES = 1_000_000;

const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
await once(server, "listening");
process.send?.({ url: `ws://127.0.0.1:${String((server.address() as AddressInfo).port)}` });

const subscribed: { readonly socket: WebSocket; readonly id: string }[] = [];
server.on("connection", (socket) => {
  socket.on("message", (message: Buffer) => {
    const { type, id } = JSON.parse(message.toString()) as { readonly type: string; readonly id?: string };
    if (type === "connection_init") socket.send(`{"type":"connection_ack"}`);
    if (type === "subscribe") subscribed.push({ socket, id: id ?? "" });
    if (subscribed.length === subscribers && type === "subscribe") process.send?.("all are there");
  });
});

async function broadcast(): Promise<void> {
  for (let cursor = 1; cursor <= count; cursor += 1) {
    const rest = `"type":"next","payload":${JSON.stringify({ data: { syncOutcomes: { ...outcome, cursor: String(cursor) } } })}}`;
    for (const { socket, id } of subscribed) {
      socket.send(`{"id":"${id}",${rest}`);
      while (socket.bufferedAmount > MOST_BUFFERED_BYTES) await turn();
    }
    await turn();
  }
}

process.on("message", () => void broadcast());
process.on("disconnect", () => process.exit());
