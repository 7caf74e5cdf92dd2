/** Customers, warehouses, the catalogue and tokens, as mutations make them. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../support/api.js";
import { aMerchant, rows } from "../support/api-merchant.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api[Symbol.asyncDispose]());

const CUSTOMER = "customer { id name externalRef processOrdersManagement syncSetting { mode updatedBy } }";

test("a customer is made with the defaults, or as it is said", async () => {
  expect(await api.change("createCustomer", CUSTOMER, { name: "Plain" })).toMatchObject({
    customer: {
      id: expect.stringMatching(/^customer_/),
      name: "Plain",
      externalRef: null,
      processOrdersManagement: "RECEIPT_ADJUSTMENT_AND_SELLOUT",
      syncSetting: { mode: "PROCESS_ORDERS_ONLY", updatedBy: "operator" },
    },
  });
  const said = {
    name: "Said 名前 🏬",
    externalRef: "erp-1",
    syncMode: "NEVER",
    processOrdersManagement: "MANUAL",
  };
  expect(await api.change("createCustomer", CUSTOMER, said)).toMatchObject({
    customer: {
      name: said.name,
      externalRef: "erp-1",
      processOrdersManagement: "MANUAL",
      syncSetting: { mode: "NEVER" },
    },
  });
  expect(
    await rows(api, "select c.name, f.last_seq from customer c join feed f on f.customer_id = c.id order by c.id"),
  ).toEqual([
    { name: "Plain", last_seq: 0 },
    { name: said.name, last_seq: 0 },
  ]);
});

test("warehouses are made, and listed by their codes", async () => {
  const { customerId, token } = await aMerchant(api, { warehouses: [] });
  for (const [code, name] of [
    ["W", "West"],
    ["E", "East"],
  ])
    expect(
      await api.change("createWarehouse", "warehouse { id code name }", { customerId, code, name }, token),
    ).toMatchObject({ warehouse: { id: expect.stringMatching(/^warehouse_/), code, name } });
  const text = "query ($customerId: ID!) { warehouses(customerId: $customerId) { code name } }";
  expect(await api.ask(text, { customerId }, token)).toEqual({
    warehouses: [
      { code: "E", name: "East" },
      { code: "W", name: "West" },
    ],
  });
});

describe("upsertItems", () => {
  const ITEMS = "changedCount items { sku title barcode tags onHand }";

  test("makes items and changes their words, keeping what it is not given", async () => {
    const { customerId, token } = await aMerchant(api, { items: 0 });
    const upsert = (items: readonly object[]) => api.change("upsertItems", ITEMS, { customerId, items }, token);
    const made = [
      { sku: "B", title: "Bee", barcode: "111", tags: ["x", "y"] },
      { sku: "A", title: "Ay" },
    ];
    expect(await upsert(made)).toMatchObject({
      changedCount: 2,
      items: [
        { sku: "B", title: "Bee", barcode: "111", tags: ["x", "y"], onHand: 0 },
        { sku: "A", title: "Ay", barcode: null, tags: [] },
      ],
    });
    await api.change("setInventory", "changedCount", { customerId, lines: [{ sku: "B", onHand: 3 }] }, token);
    expect(await upsert([{ sku: "B", title: "Bee 🐝" }])).toMatchObject({
      items: [{ sku: "B", title: "Bee 🐝", barcode: "111", tags: ["x", "y"], onHand: 3 }],
    });
    expect(await upsert([{ sku: "B", title: "Bee", barcode: null, tags: [] }])).toMatchObject({
      items: [{ barcode: null, tags: [], onHand: 3 }],
    });
  });

  test("takes a thousand at once, and the same SKU for two customers", async () => {
    const [one, other] = [await aMerchant(api, { items: 0 }), await aMerchant(api, { items: 0 })];
    const items = Array.from({ length: 1_000 }, (_, index) => ({ sku: `S-${String(index)}`, title: "T" }));
    for (const { customerId, token } of [one, other])
      expect(await api.change("upsertItems", "changedCount", { customerId, items }, token)).toMatchObject({
        changedCount: 1_000,
      });
    expect(await rows(api, "select count(*)::int as count from item where sku like 'S-%'")).toEqual([{ count: 2_000 }]);
  });
});

describe("tokens", () => {
  const TOKEN = "token apiToken { id name customer { id } scopes expiresAt revokedAt lastUsedAt }";
  interface TokenPayload {
    readonly token: string;
    readonly apiToken: { readonly id: string };
  }

  test("one is made for a customer, works at once, is listed, and ends when it is revoked", async () => {
    const { customerId, token: own } = await aMerchant(api);
    const expiresAt = "2100-01-01T00:00:00.000Z";
    const input = { customerId, name: "Dashboard", scopes: ["READ", "SYNC"], expiresAt };
    const made = await api.change<TokenPayload>("createApiToken", TOKEN, input, own);
    expect(made).toMatchObject({
      token: expect.stringMatching(/^ek_[A-Za-z0-9_-]{49}$/),
      apiToken: {
        name: "Dashboard",
        customer: { id: customerId },
        scopes: ["READ", "SYNC"],
        expiresAt,
        revokedAt: null,
        lastUsedAt: null,
      },
    });
    expect(await api.ask("{ viewer { name scopes customer { id } } }", {}, made.token)).toEqual({
      viewer: { name: "Dashboard", scopes: ["READ", "SYNC"], customer: { id: customerId } },
    });
    const list = "{ apiTokens { nodes { id name lastUsedAt revokedAt } } }";
    expect(await api.ask(list, {}, own)).toMatchObject({
      apiTokens: { nodes: [{ id: made.apiToken.id, lastUsedAt: expect.any(String) }, { name: "a merchant" }] },
    });
    const revoke = () =>
      api.change<{ apiToken: { revokedAt: string } }>(
        "revokeApiToken",
        "apiToken { id revokedAt }",
        { tokenId: made.apiToken.id },
        own,
      );
    const { apiToken } = await revoke();
    expect(apiToken.revokedAt).toEqual(expect.any(String));
    expect((await api.query(made.token, "{ viewer { name } }")).status).toBe(401);
    expect((await revoke()).apiToken).toEqual(apiToken);
  });

  test("an operator makes one for every customer", async () => {
    const made = await api.change<TokenPayload>("createApiToken", TOKEN, { name: "Ops", scopes: ["READ"] });
    expect(made).toMatchObject({ apiToken: { customer: null } });
    await aMerchant(api);
    const { customers } = await api.ask<{ customers: { nodes: object[] } }>(
      "{ customers { nodes { id } } }",
      {},
      made.token,
    );
    expect(customers.nodes.length).toBeGreaterThan(1);
  });
});
