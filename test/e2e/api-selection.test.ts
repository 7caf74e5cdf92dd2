/** Saved searches, dry runs, and the customer's counts. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../support/api.js";
import { aMerchant, connectShop } from "../support/api-merchant.js";
import { fingerprint } from "../support/api-state.js";
import { quiet, startTestShop } from "../support/engine.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api[Symbol.asyncDispose]());

interface Saved {
  readonly search: { readonly id: string; readonly filter: object; readonly items: { nodes: { sku: string }[] } };
}
const SEARCH = "search { id name filter items { nodes { sku } } }";

test("a search keeps its filter in its author's words and selects what it matches when it is used", async () => {
  const merchant = await aMerchant(api, { items: 3, onHand: 5 });
  await using shop = await startTestShop("WEBHOOK");
  const { storeId } = await connectShop(api, merchant, shop);
  const { customerId, token } = merchant;
  const filter = { skus: ["SKU-0002", "SKU-0000"], storeIds: [storeId], availableMin: 1 };
  const { search } = await api.change<Saved>("saveSearch", SEARCH, { customerId, name: "two", filter }, token);
  expect(search.filter).toEqual(filter);
  expect(search.items.nodes.map(({ sku }) => sku)).toEqual(["SKU-0000", "SKU-0002"]);
  const read = await api.ask<{ node: object; searches: object }>(
    `query ($id: ID!, $customerId: ID!) {
       node(id: $id) { ... on Search { filter } } searches(customerId: $customerId) { nodes { name } } }`,
    { id: search.id, customerId },
    token,
  );
  expect(read).toEqual({ node: { filter }, searches: { nodes: [{ name: "two" }] } });

  const selection = { searchId: search.id };
  const { operation } = await api.change<{ operation: { id: string } }>(
    "syncInventory",
    "operation { id }",
    { customerId, selection },
    token,
  );
  expect(await api.operationEnd(operation.id)).toMatchObject({ total: 2, counts: [{ status: "SUCCEEDED", count: 2 }] });

  const taken = await api.mutate<Saved>("saveSearch", SEARCH, { customerId, name: "two", filter: {} }, token);
  expect(taken.userErrors).toMatchObject([{ code: "ALREADY_EXISTS", field: ["name"] }]);
  const changed = { customerId, name: "one", filter: { skus: ["SKU-0001"] }, searchId: search.id };
  expect(await api.change<Saved>("saveSearch", SEARCH, changed, token)).toMatchObject({
    search: { id: search.id, items: { nodes: [{ sku: "SKU-0001" }] } },
  });
  const deletion = { searchId: search.id, idempotencyKey: "away" };
  const first = await api.change<Saved>("deleteSearch", SEARCH, deletion, token);
  expect(await api.change<Saved>("deleteSearch", SEARCH, deletion, token)).toEqual(first);
  const gone = await api.mutate("syncInventory", "operation { id }", { customerId, selection }, token);
  expect(gone.userErrors).toMatchObject([{ code: "NOT_FOUND", field: ["selection", "searchId"] }]);
});

test("a dry run tells what the bulk action then comes to, and changes nothing", async () => {
  const merchant = await aMerchant(api, { items: 4, onHand: 5 });
  await using shop = await startTestShop("WEBHOOK");
  await connectShop(api, merchant, shop);
  const { customerId, token, itemIds } = merchant;
  const [first] = itemIds;
  await api.change("setItemSyncInventory", "item { id }", { itemId: first, mode: "NEVER" }, token);
  await quiet(api.database);
  const input = { customerId, selection: { filter: {} }, mode: "CUSTOMER_DEFAULT" };
  const PREVIEW = `operation { id } preview { matchedItems matchedListings willSync willSkip skips { reason count }
                   wouldStart wouldStop wouldZero(first: 1) { nodes { id } totalCount } }`;
  for (const [mode, counts] of [
    ["ALWAYS", { willSync: 4, willSkip: 0, skips: [], wouldStart: 1, wouldStop: 0 }],
    ["NEVER", { willSync: 0, willSkip: 4, skips: [{ reason: "POLICY_NEVER", count: 4 }], wouldStart: 0, wouldStop: 3 }],
  ] as const) {
    const before = await fingerprint(api);
    const dry = { ...input, mode, dryRun: true, idempotencyKey: mode };
    expect(await api.change("setSyncInventoryBulk", PREVIEW, dry, token)).toMatchObject({
      operation: null,
      preview: { matchedItems: 4, matchedListings: 4, ...counts, wouldZero: { nodes: [], totalCount: 0 } },
    });
    expect(await fingerprint(api)).toEqual(before);
  }
  // The key is still free for the act itself.
  const { operation } = await api.change<{ operation: { id: string } }>(
    "setSyncInventoryBulk",
    "operation { id }",
    { ...input, mode: "NEVER", idempotencyKey: "NEVER" },
    token,
  );
  expect(await api.operationEnd(operation.id)).toMatchObject({ counts: [{ status: "SKIPPED", count: 4 }] });
  const { customer } = await api.ask<{ customer: object }>(
    `query ($id: ID!) { customer(id: $id) {
       syncSummary { listings states { state count } skips { reason count } } } }`,
    { id: customerId },
    token,
  );
  expect(customer).toEqual({
    syncSummary: {
      listings: 4,
      states: [{ state: "SKIPPED", count: 4 }],
      skips: [{ reason: "POLICY_NEVER", count: 4 }],
    },
  });
});

test("a dry run makes the same mistakes as the act", async () => {
  const { customerId, token } = await aMerchant(api, { items: 1 });
  for (const [name, input] of [
    ["syncInventory", { selection: { skus: ["none"] } }],
    ["syncInventory", { selection: { filter: { skus: [] } } }],
    ["setSyncInventoryBulk", { selection: { ids: [] }, mode: "NEVER" }],
    ["setSyncInventoryBulk", { selection: { filter: {} }, mode: "NEVER", expiresAt: "2020-01-01T00:00:00Z" }],
  ] as const) {
    const act = await api.mutate(name, "", { customerId, ...input }, token);
    const dry = await api.mutate(name, "", { customerId, ...input, dryRun: true }, token);
    expect(dry.userErrors).toEqual(act.userErrors);
    expect(dry.userErrors).toHaveLength(1);
  }
});
