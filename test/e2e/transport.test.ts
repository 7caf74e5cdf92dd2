/** What goes wrong around a document: bodies, methods and frames; and failures of ours, whose words stay with us. */
import { once } from "node:events";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { codesOf, startTestApi, type TestApi } from "../support/api.js";
import { aMerchant, connectShop, type Merchant, rows } from "../support/api-merchant.js";
import { startTestShop } from "../support/engine.js";
import { openSocket } from "../support/socket.js";
import { until } from "../support/until.js";

let api: TestApi;
let merchant: Merchant;
beforeAll(async () => {
  api = await startTestApi();
  merchant = await aMerchant(api);
});
afterAll(() => api[Symbol.asyncDispose]());

const VIEWER = "{ viewer { name } }";
const DOCUMENT = JSON.stringify({ query: VIEWER });
const JSON_TYPE = { "content-type": "application/json" };

describe("a request", () => {
  const send = async (headers: Readonly<Record<string, string>>, body: string | Buffer | null, method = "POST") => {
    const response = await fetch(api.url, {
      method,
      headers: { authorization: `Bearer ${merchant.token}`, ...headers },
      ...(body !== null && { body }),
    });
    return { status: response.status, text: await response.text() };
  };

  test.each<[string, number, Readonly<Record<string, string>>, string | Buffer | null]>([
    [
      "a body of more than 8 MB",
      413,
      JSON_TYPE,
      JSON.stringify({ query: VIEWER, variables: { x: "x".repeat(9_000_000) } }),
    ],
    [
      "a small body that inflates to more",
      413,
      { ...JSON_TYPE, "content-encoding": "gzip" },
      gzipSync(" ".repeat(20_000_000)),
    ],
    ["half of a body", 400, JSON_TYPE, DOCUMENT.slice(0, -2)],
    ["JSON that is no object", 400, JSON_TYPE, '"query"'],
    ["null", 400, JSON_TYPE, "null"],
    ["no body", 400, JSON_TYPE, ""],
    ["a body without a query", 400, JSON_TYPE, '{"variables":{}}'],
    ["a query that is no text", 400, JSON_TYPE, '{"query":1}'],
    ["variables that are no object", 400, JSON_TYPE, `{"query":"${VIEWER}","variables":[1]}`],
    ["variables as text", 400, JSON_TYPE, `{"query":"${VIEWER}","variables":"{}"}`],
    ["a name that is no text", 400, JSON_TYPE, `{"query":"${VIEWER}","operationName":1}`],
    ["a batch", 400, JSON_TYPE, `[${DOCUMENT},${DOCUMENT}]`],
    ["an encoding that is none", 415, { ...JSON_TYPE, "content-encoding": "evenkeel" }, DOCUMENT],
    ["a charset that JSON has not", 415, { "content-type": "application/json; charset=latin1" }, DOCUMENT],
    ["text/plain, which a browser sends unasked", 400, { "content-type": "text/plain" }, DOCUMENT],
    [
      "a form, which a browser sends unasked",
      400,
      { "content-type": "application/x-www-form-urlencoded" },
      `query=${VIEWER}`,
    ],
    ["a multipart form", 400, { "content-type": "multipart/form-data; boundary=x" }, "--x--"],
    ["no type at all", 400, { "content-type": "" }, Buffer.from(DOCUMENT)],
  ])("with %s is refused with %i and says why", async (_, status, headers, body) => {
    const answer = await send(headers, body);
    expect(answer.status).toBe(status);
    expect(answer.text).toMatch(
      /^\{"errors":\[\{"message":".+","extensions":\{"code":"(BAD_USER_INPUT|BAD_REQUEST)"\}\}\]/,
    );
    expect(answer.text).not.toMatch(/node_modules|at .+\.js/);
  });

  test("by GET is refused to a browser's form, and never changes anything", async () => {
    const get = (text: string, headers: Readonly<Record<string, string>>) =>
      fetch(`${api.url}?query=${encodeURIComponent(text)}`, {
        headers: { authorization: `Bearer ${merchant.token}`, ...headers },
      });
    expect((await get(VIEWER, {})).status).toBe(400);
    const mutation = `mutation { setCustomerSyncInventory(input: { customerId: "${merchant.customerId}", mode: NEVER }) { userErrors { code } } }`;
    expect((await get(mutation, { "apollo-require-preflight": "1" })).status).toBe(405);
    expect(await rows(api, "select distinct sync_mode from customer")).toEqual([{ sync_mode: "PROCESS_ORDERS_ONLY" }]);
  });

  test("that subscribes over HTTP is told where to", async () => {
    const answer = await api.query(
      merchant.token,
      `subscription { syncOutcomes(customerId: "${merchant.customerId}") { id } }`,
    );
    expect(answer.status).toBe(400);
    expect(codesOf(answer)).toEqual(["BAD_USER_INPUT"]);
    expect(answer.body.errors?.[0]?.message).toContain("WebSocket");
  });

  test("of 7 MB, as a large selection makes, is answered", async () => {
    const ids = Array.from({ length: 100_000 }, (_, index) => `item_${String(index).padStart(60, "0")}`);
    const { userErrors } = await api.mutate<object>(
      "syncInventory",
      "",
      { customerId: merchant.customerId, selection: { ids } },
      merchant.token,
    );
    expect(new Set(userErrors.map((error) => error.code))).toEqual(new Set(["NOT_FOUND"]));
  });

  test("elsewhere finds nothing, and the health is told to anybody", async () => {
    const at = (path: string) => fetch(new URL(path, api.url));
    expect((await at("/elsewhere")).status).toBe(404);
    expect((await at("/")).status).toBe(200);
    expect(await (await at("/healthz")).json()).toEqual({ status: "alive" });
    expect(await (await at("/readyz")).json()).toEqual({ status: "ready" });
  });
});

describe("a socket", () => {
  test.each<[string, string | Buffer]>([
    ["no JSON", "hello"],
    ["no object", "[1]"],
    ["an unknown type", '{"type":"start"}'],
    ["a batch", `[{"id":"1","type":"subscribe","payload":${DOCUMENT}}]`],
    ["a subscribe without a document", '{"id":"1","type":"subscribe","payload":{}}'],
    ["a subscribe without an id", `{"type":"subscribe","payload":${DOCUMENT}}`],
    ["variables that are no object", `{"id":"1","type":"subscribe","payload":{"query":"${VIEWER}","variables":"x"}}`],
  ])("that sends %s is closed with 4400", async (_, frame) => {
    await using socket = await openSocket(api.wsUrl, merchant.token);
    socket.sendRaw(frame);
    expect(await until(() => socket.closeCode())).toBe(4400);
  });

  test("that sends more than 1 MB at once is closed with 1009", async () => {
    await using socket = await openSocket(api.wsUrl, merchant.token);
    socket.sendRaw("x".repeat(1_100_000));
    expect(await until(() => socket.closeCode())).toBe(1009);
  });

  test("that says who it is twice is closed with 4429", async () => {
    await using socket = await openSocket(api.wsUrl, merchant.token);
    socket.send({ type: "connection_init", payload: { authorization: `Bearer ${merchant.token}` } });
    expect(await until(() => socket.closeCode())).toBe(4429);
  });

  test("that uses an id twice is closed with 4409", async () => {
    await using socket = await openSocket(api.wsUrl, merchant.token);
    const payload = { query: `subscription { syncOutcomes(customerId: "${merchant.customerId}") { id } }` };
    socket.send({ type: "subscribe", id: "1", payload });
    socket.send({ type: "subscribe", id: "1", payload });
    expect(await until(() => socket.closeCode())).toBe(4409);
  });

  test("that never says who it is is closed with 4408", async () => {
    await using socket = await openSocket(api.wsUrl);
    expect(await until(() => socket.closeCode())).toBe(4408);
  });

  test("that names no protocol of ours is closed with 4406", async () => {
    const old = new WebSocket(api.wsUrl);
    const [code] = (await once(old, "close")) as [number];
    expect(code).toBe(4406);
  });

  test("that is asked for by nonsense harms nobody", async () => {
    const { port } = new URL(api.url);
    const ask = async (target: string, reset: boolean): Promise<void> => {
      const client = connect(Number(port), "127.0.0.1");
      client.on("error", () => undefined);
      await once(client, "connect");
      client.write(
        `GET ${target} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: x\r\n\r\n`,
      );
      if (reset) client.resetAndDestroy();
      else client.resume();
      await once(client, "close");
    };
    for (const target of ["//", "///", "http://[", "/graphql/..//", "*", "/elsewhere", "/graphql?token=x"]) {
      await ask(target, false);
      await Promise.all(Array.from({ length: 20 }, () => ask(target, true)));
    }
    expect((await api.query(merchant.token, VIEWER)).status).toBe(200);
  });

  test("answers queries and mutations as HTTP does", async () => {
    await using socket = await openSocket(api.wsUrl, merchant.token);
    const text = "query ($id: ID!) { item(id: $id) { sku customer { name } } warehouses(customerId: $id) { code } }";
    for (const id of [merchant.itemIds[0], merchant.customerId, "garbage"]) {
      const overHttp = await api.query(merchant.token, text, { id });
      const overSocket = await socket.run(text, { id });
      expect(overSocket.data).toEqual(overHttp.body.data ?? null);
      expect(overSocket.codes).toEqual(codesOf(overHttp));
    }
  });
});

describe("a failure of ours", () => {
  /** No word of a database, a table, a statement or a file. */
  const WORDS =
    /relation|column|select|insert|outcome_|"code":"(22|23|42)|pg_|postgres|typeorm|QueryFailed|\.js|\.ts|node_modules|BOGUS/i;

  test("is masked the same over HTTP and WebSocket", async () => {
    await using broken = await startTestApi();
    const { customerId, token, itemIds } = await aMerchant(broken);
    await using socket = await openSocket(broken.wsUrl, token);
    await rows(broken, "alter table outcome rename to gone");
    await rows(broken, "alter table inventory_level rename to gone_too");
    const documents = [
      "query ($customerId: ID!) { outcomes(customerId: $customerId) { nodes { id } } }",
      "query ($itemId: ID!) { item(id: $itemId) { sku inventoryLevels { onHand } } }",
      'mutation ($customerId: ID!) { receiveInventory(input: { customerId: $customerId, lines: [{ sku: "SKU-0000", quantity: 1 }] }) { changedCount userErrors { code } } }',
    ];
    for (const text of documents) {
      const variables = { customerId, itemId: itemIds[0] };
      const overHttp = await broken.query(token, text, variables);
      const overSocket = await socket.run(text, variables);
      expect(overHttp.status).toBe(200);
      expect(codesOf(overHttp)).toEqual(["INTERNAL_SERVER_ERROR"]);
      expect(overSocket.codes).toEqual(["INTERNAL_SERVER_ERROR"]);
      expect(overHttp.body.errors?.[0]?.message).toMatch(/on our side/);
      expect(JSON.stringify(overHttp.body)).not.toMatch(WORDS);
      expect(overSocket.raw).not.toMatch(WORDS);
    }
    // What did not fail is answered.
    expect((await socket.run("query ($id: ID!) { item(id: $id) { sku } }", { id: itemIds[0] })).codes).toEqual([]);
  });

  test("is masked where a row holds what the schema has no word for", async () => {
    await using broken = await startTestApi();
    const seller = await aMerchant(broken, { onHand: 1 });
    await using shop = await startTestShop("WEBHOOK");
    await connectShop(broken, seller, shop);
    await rows(broken, "update outcome set status = 'BOGUS'");
    await using socket = await openSocket(broken.wsUrl, seller.token);
    const text = "query ($customerId: ID!) { outcomes(customerId: $customerId) { nodes { status } } }";
    const { customerId } = seller;
    const overHttp = await broken.query(seller.token, text, { customerId });
    const overSocket = await socket.run(text, { customerId });
    expect(codesOf(overHttp)).toEqual(["INTERNAL_SERVER_ERROR"]);
    expect(overSocket.codes).toEqual(["INTERNAL_SERVER_ERROR"]);
    expect(JSON.stringify(overHttp.body)).not.toMatch(WORDS);
    expect(overSocket.raw).not.toMatch(WORDS);
  });

  test("to look a token up is no refusal: 503 over HTTP, and 1013 for a socket, which is to come back", async () => {
    await using broken = await startTestApi();
    const { token } = await aMerchant(broken);
    await rows(broken, "alter table api_token rename to gone");
    const answer = await broken.query(token, VIEWER);
    expect(answer.status).toBe(503);
    expect(codesOf(answer)).toEqual(["INTERNAL_SERVER_ERROR"]);
    expect(JSON.stringify(answer.body)).not.toMatch(WORDS);
    await using socket = await openSocket(broken.wsUrl, token);
    expect(await until(() => socket.closeCode())).toBe(1013);
  });
});

test("a server that stops finishes its answers, closes its sockets with 1001, and takes nobody new", async () => {
  const stopping = await startTestApi();
  const { token } = await aMerchant(stopping);
  await using socket = await openSocket(stopping.wsUrl, token);
  await stopping[Symbol.asyncDispose]();
  expect(await until(() => socket.closeCode())).toBe(1001);
  await expect(stopping.query(token, VIEWER)).rejects.toThrow();
});
