/** Who may ask at all, and what for: tokens over HTTP and WebSocket, and the scope that each root field demands. */
import { createHash } from "node:crypto";
import {
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  getNamedType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from "graphql";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newToken } from "../../src/access/api-tokens.js";
import { buildSchema } from "../../src/resolvers/build-schema.js";
import { Scope } from "../../src/terms.js";
import { codesOf, startTestApi, type TestApi } from "../support/api.js";
import { aMerchant, connectShop, type Merchant, rows } from "../support/api-merchant.js";
import { startTestShop } from "../support/engine.js";
import { OPERATOR_TOKEN } from "../support/gateway.js";
import { nobody } from "../support/mistake.js";
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
const flipped = (text: string): string => text.replace(/.$/, (last) => (last === "A" ? "B" : "A"));

async function endedTokens(): Promise<Readonly<Record<"revoked" | "expired", string>>> {
  const { customerId } = merchant;
  const revoked = await api.token({ customerId, name: "to be revoked" });
  await rows(api, "update api_token set revoked_at = now() where name = 'to be revoked'");
  const expired = await api.token({ customerId, name: "to expire", expiresAt: new Date(Date.now() + 60_000) });
  await rows(api, "update api_token set expires_at = now() where name = 'to expire'");
  return { revoked, expired };
}

describe("without a token that is valid now", () => {
  let refused: readonly (readonly [string, string | null])[];
  beforeAll(async () => {
    const { revoked, expired } = await endedTokens();
    refused = [
      ["none", null],
      ["no words", ""],
      ["a word", "garbage"],
      ["a NUL", "ek_\u00001"],
      ["one mistyped", flipped(merchant.token)],
      ["one that nobody has", newToken()],
      ["one that was revoked", revoked],
      ["one that has expired", expired],
      ["an operator's, mistyped", flipped(OPERATOR_TOKEN)],
      ["an operator's, cut", OPERATOR_TOKEN.slice(0, -1)],
      ["10,000 characters", "x".repeat(10_000)],
    ];
  });

  test("HTTP answers 401, each time the same", async () => {
    const answers = new Set<string>();
    for (const [title, token] of refused) {
      if (token?.includes("\0")) continue;
      const response = await fetch(api.url, {
        method: "POST",
        headers: { "content-type": "application/json", ...(token !== null && { authorization: `Bearer ${token}` }) },
        body: JSON.stringify({ query: VIEWER }),
      });
      expect(response.status, title).toBe(401);
      expect(response.headers.get("www-authenticate")).toBe("Bearer");
      answers.add(await response.text());
    }
    expect([...answers]).toEqual([expect.stringContaining('"UNAUTHENTICATED"')]);
  });

  test("HTTP answers 401 to a token in another form, place or method", async () => {
    const { token } = merchant;
    const body = JSON.stringify({ query: VIEWER });
    const basic = Buffer.from(`${token}:`).toString("base64");
    for (const authorization of [token, `Basic ${basic}`, `Bearer ${token} x`, `Token ${token}`, "Bearer"]) {
      const headers = { "content-type": "application/json", authorization };
      expect((await fetch(api.url, { method: "POST", headers, body })).status).toBe(401);
    }
    expect((await fetch(`${api.url}?access_token=${token}`, { method: "POST", body })).status).toBe(401);
    expect((await fetch(api.url)).status).toBe(401);
    expect((await fetch(api.url, { method: "DELETE" })).status).toBe(401);
  });

  test("a body is not even read", async () => {
    const response = await fetch(api.url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "x".repeat(20_000_000),
    }).catch(() => null);
    // The server may hang up before all of it was sent.
    expect([401, undefined]).toContain(response?.status);
  });

  test("a WebSocket is closed with 4403", async () => {
    for (const [title, token] of refused) {
      await using socket = await openSocket(api.wsUrl, token);
      expect(await until(() => socket.closeCode()), title).toBe(4403);
    }
  });

  test("a WebSocket that subscribes before it says who it is is closed with 4401", async () => {
    await using socket = await openSocket(api.wsUrl);
    socket.subscribe(VIEWER);
    expect(await until(() => socket.closeCode())).toBe(4401);
  });

  test("a WebSocket at another path is refused", async () => {
    await expect(openSocket(`${api.wsUrl}/elsewhere`, merchant.token)).rejects.toThrow("404");
  });
});

test("the scheme's name is taken in any case", async () => {
  for (const scheme of ["bearer", "BEARER", "Bearer "]) {
    const headers = { "content-type": "application/json", authorization: `${scheme} ${merchant.token}` };
    const response = await fetch(api.url, { method: "POST", headers, body: JSON.stringify({ query: VIEWER }) });
    expect(response.status).toBe(200);
  }
});

describe("a token that ends", () => {
  const FEED = "subscription ($customerId: ID!) { syncOutcomes(customerId: $customerId) { id } }";

  test("by being revoked closes its live sockets with 4403, and nobody else's", async () => {
    const { customerId } = merchant;
    const made = await api.change<{ token: string; apiToken: { id: string } }>(
      "createApiToken",
      "token apiToken { id }",
      {
        customerId,
        name: "Short-lived",
        scopes: ["READ"],
      },
    );
    await using one = await openSocket(api.wsUrl, made.token);
    await using two = await openSocket(api.wsUrl, made.token);
    await using other = await openSocket(api.wsUrl, merchant.token);
    await using operator = await openSocket(api.wsUrl, OPERATOR_TOKEN);
    for (const socket of [one, two, other, operator]) {
      socket.subscribe(FEED, { customerId });
      expect((await socket.run(VIEWER)).codes).toEqual([]);
    }
    await api.change("revokeApiToken", "apiToken { id }", { tokenId: made.apiToken.id });
    expect(await until(() => one.closeCode())).toBe(4403);
    expect(await until(() => two.closeCode())).toBe(4403);
    for (const socket of [other, operator]) expect((await socket.run(VIEWER)).codes).toEqual([]);
  });

  test("by expiring closes its live sockets with 4403", async () => {
    const { customerId } = merchant;
    const token = await api.token({ customerId, expiresAt: new Date(Date.now() + 1_500) });
    await using socket = await openSocket(api.wsUrl, token);
    expect((await socket.run(VIEWER)).codes).toEqual([]);
    expect(await until(() => socket.closeCode())).toBe(4403);
    expect((await api.query(token, VIEWER)).status).toBe(401);
  });
});

describe("secrets", () => {
  const tablesWith = async (secret: string): Promise<readonly string[]> => {
    const tables = await rows<{ name: string }>(
      api,
      "select c.relname as name from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')",
    );
    const holding: string[] = [];
    for (const { name } of tables) {
      const found = await rows(
        api,
        `select 1 from "${name}" t where strpos(t::text, $1) > 0 or strpos(t::text, $2) > 0 limit 1`,
        [secret, Buffer.from(secret).toString("hex")],
      );
      if (found.length > 0) holding.push(name);
    }
    return holding;
  };

  test("a token is kept only as a hash", async () => {
    const { customerId } = merchant;
    // With a key its answer is kept as well.
    const input = { customerId, name: "Kept as a hash", scopes: ["READ"], idempotencyKey: "hash" };
    const { token } = await api.change<{ token: string }>("createApiToken", "token", input);
    await api.query(token, VIEWER);
    expect(await tablesWith(token)).toEqual([]);
    expect(await tablesWith(token.slice(3, 46))).toEqual([]);
    // The search does see what is there, bytes too.
    expect(await tablesWith(createHash("sha256").update(token).digest("hex"))).toEqual(["api_token"]);
    expect(await tablesWith("Kept as a hash")).toEqual(["api_token"]);
  });

  test("a store's credentials are nowhere in clear, nor in any answer", async () => {
    await using shop = await startTestShop("WOOCOMMERCE");
    const { storeId } = await connectShop(api, merchant, shop);
    const { consumerKey = "", consumerSecret = "" } = shop.credentials;
    await api.change("updateStore", "store { id }", {
      storeId,
      credentials: { woocommerce: shop.credentials },
      idempotencyKey: "with credentials",
    });
    for (const secret of [consumerKey, consumerSecret]) expect(await tablesWith(secret)).toEqual([]);
    const wrong = { consumerKey: "ck_guessed_key", consumerSecret: "cs_guessed_secret" };
    const { body } = await api.query(
      merchant.token,
      "mutation ($input: UpdateStoreInput!) { updateStore(input: $input) { userErrors { code message } } }",
      { input: { storeId, credentials: { woocommerce: wrong } } },
    );
    expect(body.data).toMatchObject({ updateStore: { userErrors: [{ code: "CREDENTIALS_REJECTED" }] } });
    expect(JSON.stringify(body)).not.toMatch(/guessed/);
  });
});

// ───────────── scopes ─────────────

const DEMANDED: Readonly<Record<Scope | "none", readonly string[]>> = {
  none: ["viewer"],
  READ: [
    "customer",
    "customers",
    "item",
    "itemBySku",
    "items",
    "listing",
    "node",
    "operation",
    "operationProgress",
    "operations",
    "outcomes",
    "search",
    "searches",
    "store",
    "storeHealth",
    "syncOutcomes",
    "warehouses",
  ],
  SYNC: ["cancelOperation", "importListings", "releaseZeroGuard", "retryFailed", "syncInventory"],
  SETTINGS: [
    "deleteSearch",
    "saveSearch",
    "setCustomerSyncInventory",
    "setItemSyncInventory",
    "setListingSyncInventory",
    "setProcessOrders",
    "setProcessOrdersManagement",
    "setStoreSyncEnabled",
    "setSyncInventoryBulk",
  ],
  INVENTORY: [
    "adjustInventory",
    "commitInventory",
    "createShipNotice",
    "publishShipNotice",
    "receiveInventory",
    "receiveShipNotice",
    "setInventory",
    "shipInventory",
    "upsertItems",
  ],
  ADMIN: [
    "apiTokens",
    "connectStore",
    "createApiToken",
    "createCustomer",
    "createWarehouse",
    "disconnectStore",
    "revokeApiToken",
    "updateStore",
  ],
};

const schema = buildSchema();
const ROOTS = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].flatMap((type) =>
  type ? Object.values(type.getFields()).map((field) => ({ type, field })) : [],
);

/** The shortest document with this root field; ids in it name nothing. */
function shortestDocument(type: GraphQLObjectType, field: GraphQLField<unknown, unknown>): string {
  const shortest = (of: GraphQLInputType): string => {
    if (isNonNullType(of)) return shortest(of.ofType);
    if (isListType(of)) return `[${shortest(of.ofType)}]`;
    if (isEnumType(of)) return of.getValues()[0]?.name ?? "";
    if (isInputObjectType(of)) {
      const fields = Object.values(of.getFields());
      const given = of.isOneOf ? fields.slice(0, 1) : fields.filter((one) => isNonNullType(one.type));
      return `{ ${given.map((one) => `${one.name}: ${shortest(one.type)}`).join(", ")} }`;
    }
    return { ID: `"${nobody("customer")}"`, Int: "1", Boolean: "true" }[of.name] ?? '"x"';
  };
  const args = field.args.filter((arg) => isNonNullType(arg.type)).map((arg) => `${arg.name}: ${shortest(arg.type)}`);
  const given = args.length > 0 ? `(${args.join(", ")})` : "";
  const selection = isCompositeType(getNamedType(field.type)) ? "{ __typename }" : "";
  return `${type.name.toLowerCase()} { ${field.name}${given} ${selection} }`;
}

describe("scopes", () => {
  test("every root field demands what it is listed with", () => {
    const demanded = Object.fromEntries(Object.keys(DEMANDED).map((scope) => [scope, [] as string[]]));
    for (const { field } of ROOTS) {
      const { scope } = field.extensions;
      demanded[typeof scope === "string" ? scope : "none"]?.push(field.name);
    }
    for (const names of Object.values(demanded)) names.sort();
    expect(demanded).toEqual(DEMANDED);
  });

  test.each(Object.values(Scope))("a token with %s alone is FORBIDDEN exactly what demands another", async (scope) => {
    const token = await api.token({ customerId: merchant.customerId, scopes: [scope] });
    await using socket = await openSocket(api.wsUrl, token);
    for (const { type, field } of ROOTS) {
      const text = shortestDocument(type, field);
      const demanded = field.extensions["scope"];
      const expected = demanded === null || demanded === scope ? [] : ["FORBIDDEN"];
      const forbidden = (codes: readonly string[]) => codes.filter((code) => code === "FORBIDDEN");
      expect(forbidden((await socket.run(text)).codes), text).toEqual(expected);
      if (type.name !== "Subscription")
        expect(forbidden(codesOf(await api.query(token, text))), text).toEqual(expected);
    }
  });

  test("a token's id needs ADMIN over node too", async () => {
    const { apiTokens } = await api.ask<{ apiTokens: { nodes: { id: string }[] } }>(
      "{ apiTokens { nodes { id } } }",
      {},
      merchant.token,
    );
    const node = "query ($id: ID!) { node(id: $id) { id } }";
    const reader = await api.token({ customerId: merchant.customerId, scopes: ["READ"] });
    const id = apiTokens.nodes[0]?.id;
    expect((await api.query(reader, node, { id })).body.data).toEqual({ node: null });
    expect((await api.query(merchant.token, node, { id })).body.data).toEqual({ node: { id } });
  });

  test("aliases and fragments do not hide a root field from its scope", async () => {
    const token = await api.token({ customerId: merchant.customerId, scopes: ["SYNC"] });
    const text =
      "query { a: viewer { name } ...more } fragment more on Query { b: customers { nodes { id } } c: viewer { name } }";
    const answer = await api.query(token, text);
    expect(codesOf(answer)).toEqual(["FORBIDDEN"]);
    expect(answer.body.errors?.[0]?.path).toEqual(["b"]);
  });
});
