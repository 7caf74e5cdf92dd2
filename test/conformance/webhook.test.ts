/**
 * The vectors beside this file are those of shared/platform-specs/standard-webhooks: the first repeats the one that the
 * reference libraries of standard-webhooks/standard-webhooks (Apache-2.0) test, the others were computed for it; there is no
 * restriction on their use.
 */
import { describe, expect, test } from "vitest";
import { startWebhookShop, type WebhookShop, whyNot } from "../../sandbox/webhook.js";
import { createHttp } from "../../src/platforms/http.js";
import type { Change, Connector, LineResult } from "../../src/platforms/platform.js";
import { webhookDriver } from "../../src/platforms/webhook/connector.js";
import { signedHeaders, webhookIdOf } from "../../src/platforms/webhook/wire.js";
import { newUuid, uuidOf } from "../../src/terms.js";
import { describePlatform } from "./platform.js";
import vectors from "./standard-webhooks-vectors.json" with { type: "json" };

interface Receiver extends AsyncDisposable {
  readonly shop: WebhookShop;
  readonly connector: Connector;
  readonly storeId: string;
  send(changes: readonly Change[], idempotencyKey?: string): Promise<readonly LineResult[]>;
}

async function aReceiver(secret?: string): Promise<Receiver> {
  const shop = await startWebhookShop();
  const http = createHttp({ allowPrivateStores: true });
  const storeId = newUuid();
  const connector = webhookDriver(http).open({
    storeId,
    url: `${shop.url}/levels`,
    locationId: null,
    credentials: { secret: secret ?? shop.secret },
  });
  return {
    shop,
    connector,
    storeId,
    send: async (changes, idempotencyKey = newUuid()) =>
      (await connector.send({ changes }, { idempotencyKey, signal: calm() })).lines,
    [Symbol.asyncDispose]: async () => {
      await http.close();
      await shop.close();
    },
  };
}

const calm = (): AbortSignal => new AbortController().signal;
const aChange = (sku: string, quantity: number, revision = 1): Change => ({
  listingId: newUuid(),
  sku,
  externalId: sku,
  externalRef: {},
  quantity,
  expectedQuantity: null,
  revision,
});

describePlatform("webhook", async () => {
  const shop = await startWebhookShop();
  const http = createHttp({ allowPrivateStores: true });
  const driver = webhookDriver(http);
  return {
    shop,
    driver,
    connection: { storeId: newUuid(), url: shop.url, locationId: null, credentials: { secret: shop.secret } },
    wrongCredentials: { secret: "not a secret" },
    add: shop.add,
    quantityOf: shop.quantityOf,
    sell: shop.sell,
    remove: shop.remove,
    can: {
      compareAndSet: false,
      catalogue: false,
      readBack: false,
      // Only the secret's form, which no answer of the shop can spoil; see below.
      credentialsChecked: false,
      // It does tell, but its protocol has no code for "there is no such listing"; see below.
      perLineErrors: false,
      answersInBody: false,
    },
    [Symbol.asyncDispose]: async () => {
      await http.close();
      await shop.close();
    },
  };
});

describe("the signature", () => {
  test.each(vectors.vectors)(
    "agrees with the published vector $id",
    ({ secret, id, timestamp, payload, signature }) => {
      const headers = signedHeaders(secret, id, new Date(timestamp * 1_000), payload);
      expect(headers).toEqual({
        "webhook-id": id,
        "webhook-timestamp": String(timestamp),
        "webhook-signature": signature,
      });
    },
  );

  test.each(vectors.vectors)(
    "is verified by the sandbox for $id, and for nothing else",
    ({ secret, id, timestamp, payload, signature }) => {
      const headers = { "webhook-id": id, "webhook-timestamp": String(timestamp), "webhook-signature": signature };
      const at = timestamp * 1_000;
      expect(whyNot(secret, headers, payload, at)).toBeNull();
      expect(whyNot(secret, { ...headers, "webhook-signature": `v1a,xyz ${signature}` }, payload, at)).toBeNull();
      expect(whyNot(secret, headers, `${payload} `, at)).toContain("does not match");
      expect(whyNot(secret, { ...headers, "webhook-id": `${id}x` }, payload, at)).toContain("does not match");
      expect(whyNot(`whsec_${btoa("x".repeat(24))}`, headers, payload, at)).toContain("does not match");
      expect(whyNot(secret, headers, payload, at + 301_000)).toContain("tolerance");
      expect(whyNot(secret, headers, payload, at - 301_000)).toContain("tolerance");
    },
  );

  test("of a retry is new, under the same id, which holds no dot whatever the key", async () => {
    await using receiver = await aReceiver();
    const change = aChange("MUG-1", 7);
    await receiver.send([change], "a.key:with/anything ü");
    await receiver.send([change], "a.key:with/anything ü");
    await receiver.send([change], "another key");
    const ids = receiver.shop.verified.map((headers) => headers["webhook-id"] ?? "");
    expect(ids).toHaveLength(3);
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
    for (const id of ids) expect(id).toMatch(/^msg_[0-9a-f]{32}$/);
    expect(webhookIdOf("x")).toBe(webhookIdOf("x"));
  });

  test("with another secret is refused as credentials, and nothing is written", async () => {
    await using receiver = await aReceiver(`whsec_${btoa("y".repeat(32))}`);
    receiver.shop.add("MUG-1", 3);
    expect(await receiver.send([aChange("MUG-1", 7)])).toMatchObject([
      { kind: "rejected", code: "CREDENTIALS_INVALID" },
    ]);
    expect(receiver.shop.quantityOf("MUG-1")).toBe(3);
  });
});

test.each([
  "",
  "not a secret",
  "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  "whsec_",
  "whsec_!!!!",
  `whsec_${btoa("x".repeat(23))}`,
  `whsec_${btoa("x".repeat(65))}`,
  "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  " whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n",
])("a secret of the wrong form is refused by check and send, without a call: %j", async (secret) => {
  await using receiver = await aReceiver(secret);
  const refused = { kind: "rejected", code: "CREDENTIALS_INVALID" };
  expect(await receiver.connector.check(calm())).toMatchObject({ ok: false, failure: refused });
  expect(await receiver.send([aChange("MUG-1", 7)])).toMatchObject([refused]);
  expect(receiver.shop.calls).toHaveLength(0);
});

test("check makes no call and answers no locations", async () => {
  await using receiver = await aReceiver();
  expect(await receiver.connector.check(calm())).toEqual({ ok: true, value: [] });
  expect(receiver.shop.calls).toHaveLength(0);
});

test("the body is the documented one, with ids of the API", async () => {
  await using receiver = await aReceiver();
  const change = aChange("MUG-1", 7, 12);
  let body: unknown;
  const when = (request: { readonly body: string }): boolean => {
    body = JSON.parse(request.body);
    return false;
  };
  receiver.shop.fail({ kind: "reset" }, { when });
  await receiver.send([{ ...change, externalId: "ext/1", expectedQuantity: 5 }]);
  const { data, timestamp } = body as { data: { storeId: string; levels: { listingId: string }[] }; timestamp: string };
  const listingId = data.levels[0]?.listingId ?? "";
  expect(body).toEqual({
    type: "inventory.levels.set",
    timestamp,
    data: {
      storeId: data.storeId,
      levels: [{ listingId, sku: "MUG-1", externalId: "ext/1", quantity: 7, revision: 12 }],
    },
  });
  expect(uuidOf("store", data.storeId)).toBe(receiver.storeId);
  expect(uuidOf("listing", listingId)).toBe(change.listingId);
  expect(new Date(timestamp).toISOString()).toBe(timestamp);
});

test("a message that is repeated is done once, and answered as the first time", async () => {
  await using receiver = await aReceiver();
  receiver.shop.reject("CUP-1", "Not sold here");
  const changes = [aChange("MUG-1", 7), aChange("CUP-1", 2)];
  const first = await receiver.send(changes, "key");
  receiver.shop.sell("MUG-1", 3);
  expect(await receiver.send(changes, "key")).toEqual(first);
  expect(receiver.shop.quantityOf("MUG-1")).toBe(4);
});

test("a level that comes late does not undo a newer one", async () => {
  await using receiver = await aReceiver();
  const change = aChange("MUG-1", 7, 12);
  await receiver.send([change]);
  expect(await receiver.send([{ ...change, quantity: 9, revision: 11 }])).toMatchObject([{ kind: "accepted" }]);
  expect(receiver.shop.quantityOf("MUG-1")).toBe(7);
});

describe("an answer", () => {
  test("per line refuses that line in the receiver's words, and sets the others", async () => {
    await using receiver = await aReceiver();
    receiver.shop.reject("CUP-1", "Not <b>sold</b>\nhere");
    expect(await receiver.send([aChange("MUG-1", 7), aChange("CUP-1", 2), aChange("JUG-1", 3)])).toEqual([
      { kind: "accepted", applied: true },
      { kind: "rejected", code: "VALIDATION_REJECTED", message: "Not sold here" },
      { kind: "accepted", applied: true },
    ]);
    expect(["MUG-1", "CUP-1", "JUG-1"].map(receiver.shop.quantityOf)).toEqual([7, null, 3]);
  });

  test.each(["", "OK", "{}", "[]", "null", '"fine"', '{"ok":true}', "<html>thanks</html>"])(
    "of 2xx without results accepts all: %s",
    async (body) => {
      await using receiver = await aReceiver();
      receiver.shop.fail({ kind: "lie", body });
      expect(await receiver.send([aChange("MUG-1", 7)])).toEqual([{ kind: "accepted", applied: true }]);
    },
  );

  test("204 accepts all", async () => {
    await using receiver = await aReceiver();
    receiver.shop.fail({ kind: "status", status: 204 });
    expect(await receiver.send([aChange("MUG-1", 7)])).toEqual([{ kind: "accepted", applied: true }]);
  });

  test.each([
    '{"results":null}',
    '{"results":{}}',
    '{"results":"all"}',
    '{"results":[{"externalId":"MUG-1"}]}',
    '{"results":[{"externalId":"MUG-1","status":"ok"}]}',
    '{"results":[{"externalId":7,"status":"accepted"}]}',
    '{"results":[{"externalId":"MUG-1","status":"rejected","message":7}]}',
  ])("with malformed results says nothing of any line: %s", async (body) => {
    await using receiver = await aReceiver();
    receiver.shop.fail({ kind: "lie", body });
    expect(await receiver.send([aChange("MUG-1", 7)])).toMatchObject([{ kind: "unavailable", code: "UNKNOWN" }]);
  });

  test("with results leaves a line that they do not name unknown, and a refusal stands against an acceptance", async () => {
    await using receiver = await aReceiver();
    const body = JSON.stringify({
      results: [
        { externalId: "CUP-1", status: "rejected" },
        { externalId: "CUP-1", status: "accepted" },
        { externalId: "JUG-1", status: "accepted" },
        { externalId: "never asked", status: "rejected", message: "?" },
      ],
    });
    receiver.shop.fail({ kind: "lie", body });
    expect(await receiver.send([aChange("MUG-1", 7), aChange("CUP-1", 2), aChange("JUG-1", 3)])).toMatchObject([
      { kind: "unavailable", code: "UNKNOWN", scope: "line" },
      { kind: "rejected", code: "VALIDATION_REJECTED" },
      { kind: "accepted", applied: true },
    ]);
  });

  test("410 says that the endpoint is gone for good", async () => {
    await using receiver = await aReceiver();
    receiver.shop.retire();
    expect(await receiver.send([aChange("MUG-1", 7), aChange("CUP-1", 2)])).toMatchObject([
      { kind: "gone" },
      { kind: "gone" },
    ]);
  });

  test.each([
    [400, { kind: "rejected", code: "VALIDATION_REJECTED", message: "HTTP 400: no" }],
    [403, { kind: "rejected", code: "CREDENTIALS_INVALID" }],
    [404, { kind: "unavailable", code: "PLATFORM_UNAVAILABLE", scope: "store" }],
    [408, { kind: "unavailable", code: "TIMEOUT", scope: "store" }],
    [502, { kind: "unavailable", code: "PLATFORM_UNAVAILABLE", scope: "store" }],
    [504, { kind: "unavailable", code: "PLATFORM_UNAVAILABLE", scope: "store" }],
  ])("HTTP %i is told by its status", async (status, expected) => {
    await using receiver = await aReceiver();
    receiver.shop.fail({ kind: "status", status, body: "no" });
    expect(await receiver.send([aChange("MUG-1", 7)])).toMatchObject([expected]);
  });
});

test("its SKUs are its listings", async () => {
  await using receiver = await aReceiver();
  expect(await receiver.connector.findBySku(["MUG-1", "mug-1"], calm())).toEqual({
    ok: true,
    value: ["MUG-1", "mug-1"].map((sku) => ({
      externalId: sku,
      externalRef: {},
      sku,
      active: true,
      stockManaged: true,
      quantity: null,
    })),
  });
});
