/** syncInventory and setSyncInventoryBulk by ids, SKUs and filter; operations and outcomes as they are read back. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../support/api.js";
import { aMerchant, type ConnectedShop, connectShop, type Merchant, rows } from "../support/api-merchant.js";
import { quiet, startTestShop, type TestShop } from "../support/engine.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api[Symbol.asyncDispose]());

interface OperationPayload {
  readonly operation: { readonly id: string };
}
const OPERATION = "operation { id kind status requestedBy total createdAt }";

interface Stage extends Merchant, ConnectedShop, AsyncDisposable {
  readonly shop: TestShop;
}

async function connected(options: Parameters<typeof aMerchant>[1]): Promise<Stage> {
  const merchant = await aMerchant(api, options);
  const shop = await startTestShop("WEBHOOK");
  const links = await connectShop(api, merchant, shop);
  return { ...merchant, ...links, shop, [Symbol.asyncDispose]: () => shop.close() };
}

const writesOf = (shop: TestShop): number => shop.calls.flatMap((call) => call.lines).length;

describe("syncInventory", () => {
  const run = async ({ customerId, token }: Merchant, selection: object, more: object = {}) => {
    const input = { customerId, selection, ...more };
    const { operation } = await api.change<OperationPayload>("syncInventory", OPERATION, input, token);
    return { id: operation.id, end: await api.operationEnd(operation.id) };
  };

  test("sends levels that are unchanged too, whether ids, SKUs or a filter select them", async () => {
    await using stage = await connected({ items: 4, onHand: 5 });
    const { itemIds, shop } = stage;
    const selections: readonly [object, number][] = [
      [{ ids: [itemIds[3], itemIds[0]] }, 2],
      [{ skus: ["SKU-0001", "SKU-0001"] }, 1],
      [{ filter: { availableMin: 5, skuPrefix: "SKU-000" } }, 4],
      [{ filter: {} }, 4],
    ];
    for (const [selection, count] of selections) {
      const before = writesOf(shop);
      const { end } = await run(stage, selection);
      expect(end).toEqual({
        status: "COMPLETED",
        total: count,
        processed: count,
        counts: [{ status: "SUCCEEDED", count }],
        notes: [],
      });
      expect(writesOf(shop)).toBe(before + count);
    }
  });

  test("sends only to the stores that it names", async () => {
    const merchant = await aMerchant(api, { onHand: 5 });
    await using first = await startTestShop("WEBHOOK");
    await using second = await startTestShop("WEBHOOK");
    await connectShop(api, merchant, first);
    const { storeId } = await connectShop(api, merchant, second);
    const before = [writesOf(first), writesOf(second)];
    const { end } = await run(merchant, { skus: merchant.skus }, { storeIds: [storeId] });
    expect(end).toMatchObject({ total: 1, counts: [{ status: "SUCCEEDED", count: 1 }] });
    expect([writesOf(first), writesOf(second)]).toEqual([before[0], (before[1] ?? 0) + 1]);
  });

  test("tells why it skips, and lifts the gate of what was never received where it is asked to", async () => {
    await using stage = await connected({ items: 2, syncMode: "ALWAYS" });
    const { customerId, token, shop } = stage;
    const lines = [{ sku: "SKU-0000", quantity: 3 }];
    await api.change("receiveInventory", "changedCount", { customerId, lines }, token);
    await quiet(api.database);
    const selection = { filter: {} };
    const { id, end } = await run(stage, selection);
    expect(end.counts).toEqual(
      expect.arrayContaining([
        { status: "SUCCEEDED", count: 1 },
        { status: "SKIPPED", count: 1 },
      ]),
    );
    const { operation } = await api.ask<{ operation: object }>(
      `query ($id: ID!) { operation(id: $id) {
         kind requestedBy startedAt finishedAt
         all: outcomes { nodes { status } }
         skipped: outcomes(status: [SKIPPED]) { nodes { item { sku } trigger operation { id } skips { reason message remedy } quantitySent } }
         none: outcomes(status: []) { nodes { id } }
       } }`,
      { id },
      token,
    );
    expect(operation).toMatchObject({
      kind: "SYNC_INVENTORY",
      requestedBy: "a merchant",
      startedAt: expect.any(String),
      finishedAt: expect.any(String),
      all: { nodes: [{}, {}] },
      skipped: {
        nodes: [
          {
            item: { sku: "SKU-0001" },
            trigger: "MANUAL",
            operation: { id },
            skips: [{ reason: "NEVER_RECEIVED", message: expect.any(String), remedy: expect.any(String) }],
            quantitySent: null,
          },
        ],
      },
      none: { nodes: [] },
    });
    expect(shop.quantityOf("SKU-0001")).toBeNull();
    expect((await run(stage, selection, { includeNeverReceived: true })).end.counts).toEqual([
      { status: "SUCCEEDED", count: 2 },
    ]);
    expect(shop.quantityOf("SKU-0001")).toBe(0);
  });

  test("ends with failures where the store refuses a listing", async () => {
    await using stage = await connected({ items: 2, onHand: 5 });
    stage.shop.remove("SKU-0001");
    const { id, end } = await run(stage, { skus: stage.skus });
    expect(end).toMatchObject({ status: "COMPLETED_WITH_FAILURES", total: 2, processed: 2 });
    const { operation } = await api.ask<{ operation: object }>(
      "query ($id: ID!) { operation(id: $id) { outcomes(status: [FAILED]) { nodes { item { sku } platformMessage listing { state } } } } }",
      { id },
    );
    expect(operation).toEqual({
      outcomes: {
        nodes: [
          {
            item: { sku: "SKU-0001" },
            platformMessage: expect.stringContaining("no such SKU"),
            listing: { state: "FAILED" },
          },
        ],
      },
    });
  });

  test("of items without a listing ends at once with nothing to do", async () => {
    const merchant = await aMerchant(api, { items: 3 });
    const { end } = await run(merchant, { skus: merchant.skus });
    expect(end).toEqual({ status: "COMPLETED", total: 0, processed: 0, counts: [], notes: [] });
  });

  test("is frozen to what its filter matches when it is accepted", async () => {
    const merchant = await aMerchant(api, { items: 1, onHand: 5 });
    await using shop = await startTestShop("WEBHOOK");
    await connectShop(api, merchant, shop);
    const { customerId, token } = merchant;
    const { operation } = await api.change<OperationPayload>(
      "syncInventory",
      OPERATION,
      { customerId, selection: { filter: { availableMax: 5 } } },
      token,
    );
    await api.change("setInventory", "changedCount", { customerId, lines: [{ sku: "SKU-0000", onHand: 50 }] }, token);
    expect(await api.operationEnd(operation.id)).toMatchObject({ status: "COMPLETED", total: 1, processed: 1 });
    await quiet(api.database);
    expect(shop.quantityOf("SKU-0000")).toBe(50);
  });
});

describe("setSyncInventoryBulk", () => {
  const modes = async ({ world }: Merchant): Promise<readonly string[]> =>
    (
      await rows<{ sync_mode: string }>(api, "select sync_mode from item where customer_id = $1 order by sku", [
        world.customerId,
      ])
    ).map((row) => row.sync_mode);
  const run = async ({ customerId, token }: Merchant, input: object) => {
    const { operation } = await api.change<OperationPayload>(
      "setSyncInventoryBulk",
      OPERATION,
      { customerId, ...input },
      token,
    );
    return api.operationEnd(operation.id);
  };

  test("sets every selected item's setting, with history, and an outcome for each of its listings", async () => {
    await using stage = await connected({ items: 4, onHand: 5 });
    const { itemIds } = stage;
    expect(await run(stage, { selection: { ids: [itemIds[1], itemIds[2]] }, mode: "NEVER", note: "Recall" })).toEqual({
      status: "COMPLETED",
      total: 2,
      processed: 2,
      counts: [{ status: "SKIPPED", count: 2 }],
      notes: [],
    });
    expect(await modes(stage)).toEqual(["CUSTOMER_DEFAULT", "NEVER", "NEVER", "CUSTOMER_DEFAULT"]);
    expect(await run(stage, { selection: { skus: ["SKU-0003"] }, mode: "ALWAYS" })).toMatchObject({
      counts: [{ status: "UNCHANGED", count: 1 }],
    });
    // The filter that answers a question also feeds the action.
    expect(
      await run(stage, { selection: { filter: { skipReason: ["POLICY_NEVER"] } }, mode: "CUSTOMER_DEFAULT" }),
    ).toMatchObject({ total: 2, counts: [{ status: "UNCHANGED", count: 2 }] });
    expect(await modes(stage)).toEqual(["CUSTOMER_DEFAULT", "CUSTOMER_DEFAULT", "CUSTOMER_DEFAULT", "ALWAYS"]);
    const { item } = await api.ask<{ item: object }>(
      "query ($id: ID!) { item(id: $id) { syncSetting { history { nodes { mode previousMode note changedBy } } } } }",
      { id: itemIds[1] },
    );
    expect(item).toEqual({
      syncSetting: {
        history: {
          nodes: [
            { mode: "CUSTOMER_DEFAULT", previousMode: "NEVER", note: null, changedBy: "a merchant" },
            { mode: "NEVER", previousMode: "CUSTOMER_DEFAULT", note: "Recall", changedBy: "a merchant" },
          ],
        },
      },
    });
  });

  test("takes a time at which it ends", async () => {
    const merchant = await aMerchant(api, { items: 2 });
    const expiresAt = "2100-01-01T00:00:00.000Z";
    await run(merchant, { selection: { filter: {} }, mode: "NEVER", expiresAt });
    const { items } = await api.ask<{ items: object }>(
      "query ($customerId: ID!) { items(customerId: $customerId, filter: { syncSettingMode: [NEVER] }) { nodes { syncSetting { expiresAt } } } }",
      { customerId: merchant.customerId },
    );
    expect(items).toEqual({ nodes: [{ syncSetting: { expiresAt } }, { syncSetting: { expiresAt } }] });
  });

  test("of 600 items works in several chunks and misses none", async () => {
    const merchant = await aMerchant(api, { items: 600 });
    expect(await run(merchant, { selection: { skus: merchant.skus }, mode: "ALWAYS" })).toMatchObject({
      status: "COMPLETED",
    });
    expect(new Set(await modes(merchant))).toEqual(new Set(["ALWAYS"]));
  });
});

describe("what happened", () => {
  let stage: Stage;
  let operationId: string;
  beforeAll(async () => {
    stage = await connected({ items: 6, onHand: 5 });
    const { customerId, token } = stage;
    const { operation } = await api.change<OperationPayload>(
      "syncInventory",
      OPERATION,
      { customerId, selection: { skus: ["SKU-0000", "SKU-0001"] } },
      token,
    );
    operationId = operation.id;
    await api.operationEnd(operationId);
    await api.change("setItemSyncInventory", "item { id }", { itemId: stage.itemIds[5], mode: "NEVER" }, token);
    await quiet(api.database);
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  interface Outcomes {
    readonly nodes: readonly { readonly cursor: string; readonly item: { readonly sku: string } }[];
    readonly edges: readonly { readonly cursor: string }[];
    readonly pageInfo: { readonly hasNextPage: boolean; readonly hasPreviousPage: boolean };
  }
  const read = async (variables: object): Promise<Outcomes> =>
    (
      await api.ask<{ outcomes: Outcomes }>(
        `query ($customerId: ID!, $filter: OutcomeFilter, $first: Int, $after: String, $last: Int, $before: String) {
           outcomes(customerId: $customerId, filter: $filter, first: $first, after: $after, last: $last, before: $before) {
             nodes { cursor item { sku } } edges { cursor } pageInfo { hasNextPage hasPreviousPage }
           }
         }`,
        { customerId: stage.customerId, ...variables },
        stage.token,
      )
    ).outcomes;
  const cursors = (page: Outcomes): readonly string[] => page.nodes.map((node) => node.cursor);

  test("is numbered without a gap, from both ends", async () => {
    expect(cursors(await read({}))).toEqual(["1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    const second = await read({ first: 2, after: "2" });
    expect(cursors(second)).toEqual(["3", "4"]);
    expect(second.edges).toEqual([{ cursor: "3" }, { cursor: "4" }]);
    expect(second.pageInfo).toEqual({ hasNextPage: true, hasPreviousPage: true });
    const newest = await read({ last: 2 });
    expect(cursors(newest)).toEqual(["8", "9"]);
    expect(newest.pageInfo).toEqual({ hasNextPage: false, hasPreviousPage: true });
    expect(cursors(await read({ last: 3, before: "3" }))).toEqual(["1", "2"]);
    expect(cursors(await read({ after: "9" }))).toEqual([]);
  });

  test.each<[string, () => object, readonly string[]]>([
    ["a store", () => ({ storeIds: [stage.storeId] }), ["1", "2", "3", "4", "5", "6", "7", "8", "9"]],
    ["another store", () => ({ storeIds: [] }), []],
    ["an operation", () => ({ operationId }), ["7", "8"]],
    ["an operation that is none", () => ({ operationId: "garbage" }), []],
    ["a status", () => ({ status: ["SKIPPED"] }), ["9"]],
    ["a trigger", () => ({ trigger: ["MANUAL", "SETTING_CHANGE"] }), ["7", "8", "9"]],
    ["a trigger and a status", () => ({ trigger: ["MANUAL"], status: ["SKIPPED"] }), []],
  ])("is found by %s", async (_, filter, expected) => {
    expect(cursors(await read({ filter: filter() }))).toEqual(expected);
  });

  test("is found by item", async () => {
    const page = await read({ filter: { itemIds: [stage.itemIds[1]] } });
    expect(page.nodes.map((node) => node.item.sku)).toEqual(["SKU-0001", "SKU-0001"]);
  });

  test("is told whole", async () => {
    const { outcomes } = await api.ask<{ outcomes: object }>(
      `query ($customerId: ID!, $filter: OutcomeFilter) { outcomes(customerId: $customerId, filter: $filter, first: 1) { nodes {
         id cursor status trigger store { id } item { sku } listing { id } operation { id } quantityBefore quantitySent quantityAcknowledged
         skips { reason } failureCode platformMessage attempt nextAttemptAt durationMs lagMs occurredAt
       } } }`,
      { customerId: stage.customerId, filter: { operationId, itemIds: [stage.itemIds[0]] } },
      stage.token,
    );
    expect(outcomes).toEqual({
      nodes: [
        {
          id: expect.stringMatching(/^outcome_/),
          cursor: expect.stringMatching(/^[78]$/),
          status: "SUCCEEDED",
          trigger: "MANUAL",
          store: { id: stage.storeId },
          item: { sku: "SKU-0000" },
          listing: { id: stage.listingIds[0] },
          operation: { id: operationId },
          quantityBefore: 5,
          quantitySent: 5,
          quantityAcknowledged: 5,
          skips: [],
          failureCode: null,
          platformMessage: null,
          attempt: 1,
          nextAttemptAt: null,
          durationMs: expect.any(Number),
          lagMs: expect.any(Number),
          occurredAt: expect.stringMatching(/Z$/),
        },
      ],
    });
  });

  test("an operation's outcomes and a customer's operations are paged", async () => {
    const { operation, operations } = await api.ask<{ operation: object; operations: object }>(
      `query ($id: ID!, $customerId: ID!) {
         operation(id: $id) { outcomes(first: 1, after: "7") { nodes { cursor } pageInfo { hasNextPage hasPreviousPage } } }
         operations(customerId: $customerId, first: 1) { nodes { id kind } pageInfo { hasNextPage } }
       }`,
      { id: operationId, customerId: stage.customerId },
      stage.token,
    );
    expect(operation).toEqual({
      outcomes: { nodes: [{ cursor: "8" }], pageInfo: { hasNextPage: false, hasPreviousPage: true } },
    });
    // The newest first: the import came before.
    expect(operations).toEqual({
      nodes: [{ id: operationId, kind: "SYNC_INVENTORY" }],
      pageInfo: { hasNextPage: true },
    });
  });
});
