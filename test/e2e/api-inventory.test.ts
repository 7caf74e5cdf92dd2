/** The warehouse's acts and ship notices, through the API: what stands in the levels and movements afterwards. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../support/api.js";
import { aMerchant, connectShop, type Merchant, rows } from "../support/api-merchant.js";
import { startTestShop } from "../support/engine.js";
import { until } from "../support/until.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api[Symbol.asyncDispose]());

const ITEMS = "changedCount items { sku onHand committed unavailable available processOrders firstReceivedAt }";

interface Level {
  readonly code: string;
  readonly on_hand: number;
  readonly committed: number;
  readonly unavailable: number;
  readonly published_inbound: number;
}

const levelsOf = ({ world }: Merchant, index = 0): Promise<Level[]> =>
  rows<Level>(
    api,
    `select w.code, l.on_hand, l.committed, l.unavailable, l.published_inbound
       from inventory_level l join warehouse w on w.id = l.warehouse_id where l.item_id = $1 order by w.code`,
    [world.itemIds[index]],
  );

const movementsOf = ({ world }: Merchant): Promise<object[]> =>
  rows(
    api,
    `select kind, on_hand_delta, committed_delta, unavailable_delta, reference, reason, created_by
       from inventory_movement where customer_id = $1 order by created_at, id`,
    [world.customerId],
  );

const level = (code: string, on_hand: number, committed = 0, unavailable = 0, published_inbound = 0): Level => ({
  code,
  on_hand,
  committed,
  unavailable,
  published_inbound,
});

describe("stock", () => {
  test("receiveInventory puts units on the shelf, the first of them starting Process Orders", async () => {
    const merchant = await aMerchant(api, { items: 2 });
    const { customerId, token } = merchant;
    const payload = await api.mutate<object>(
      "receiveInventory",
      ITEMS,
      {
        customerId,
        reference: "PO 7",
        lines: [
          { sku: "SKU-0001", quantity: 4 },
          { sku: "SKU-0000", quantity: 1_000_000_000, warehouse: "MAIN" },
        ],
      },
      token,
    );
    const received = { committed: 0, unavailable: 0, processOrders: true, firstReceivedAt: expect.any(String) };
    expect(payload).toEqual({
      changedCount: 2,
      items: [
        { sku: "SKU-0001", onHand: 4, available: 4, ...received },
        { sku: "SKU-0000", onHand: 1_000_000_000, available: 1_000_000_000, ...received },
      ],
      userErrors: [],
    });
    expect(await levelsOf(merchant)).toEqual([level("MAIN", 1_000_000_000)]);
    expect(await levelsOf(merchant, 1)).toEqual([level("MAIN", 4)]);
    expect(await movementsOf(merchant)).toContainEqual({
      kind: "RECEIVE",
      on_hand_delta: 4,
      committed_delta: 0,
      unavailable_delta: 0,
      reference: "PO 7",
      reason: null,
      created_by: "a merchant",
    });
  });

  test("adjustInventory corrects onHand and unavailable by signed deltas", async () => {
    const merchant = await aMerchant(api, { onHand: 10 });
    const { customerId, token } = merchant;
    const lines = [{ sku: "SKU-0000", onHandDelta: -3, unavailableDelta: 2 }];
    const input = { customerId, lines, reason: "Recount", reference: "R-1" };
    expect(await api.change("adjustInventory", ITEMS, input, token)).toMatchObject({
      changedCount: 1,
      items: [{ sku: "SKU-0000", onHand: 7, unavailable: 2, available: 5, processOrders: true }],
    });
    expect(await levelsOf(merchant)).toEqual([level("MAIN", 7, 0, 2)]);
    expect((await movementsOf(merchant)).at(-1)).toMatchObject({
      kind: "ADJUST",
      on_hand_delta: -3,
      unavailable_delta: 2,
      reason: "Recount",
      reference: "R-1",
    });
  });

  test("setInventory says absolute levels, only if onHand still is what the caller read", async () => {
    const merchant = await aMerchant(api, { items: 2, onHand: 10 });
    const { customerId, token } = merchant;
    const lines = [
      { sku: "SKU-0000", onHand: 12, ifOnHand: 10 },
      { sku: "SKU-0001", unavailable: 4 },
    ];
    expect(await api.change("setInventory", ITEMS, { customerId, lines }, token)).toMatchObject({
      changedCount: 2,
      items: [
        { onHand: 12, available: 12 },
        { onHand: 10, unavailable: 4, available: 6 },
      ],
    });
    const stale = await api.mutate<object>(
      "setInventory",
      ITEMS,
      {
        customerId,
        lines: [
          { sku: "SKU-0001", onHand: 1 },
          { sku: "SKU-0000", onHand: 99, ifOnHand: 10 },
        ],
      },
      token,
    );
    expect(stale).toEqual({
      changedCount: 0,
      items: [],
      userErrors: [
        { code: "STALE_QUANTITY", message: expect.stringContaining("12"), field: ["lines", "1", "ifOnHand"] },
      ],
    });
    expect(await levelsOf(merchant)).toEqual([level("MAIN", 12)]);
    expect(await levelsOf(merchant, 1)).toEqual([level("MAIN", 10, 0, 4)]);
  });

  test("of two callers who read the same onHand, one sets it and the other hears that it is stale", async () => {
    const merchant = await aMerchant(api, { onHand: 10 });
    const { customerId, token } = merchant;
    const set = (onHand: number) =>
      api.mutate<{ changedCount: number }>(
        "setInventory",
        "changedCount",
        { customerId, lines: [{ sku: "SKU-0000", onHand, ifOnHand: 10 }] },
        token,
      );
    const answers = await Promise.all(Array.from({ length: 8 }, (_, index) => set(100 + index)));
    const winners = answers.flatMap((answer, index) => (answer.changedCount === 1 ? [100 + index] : []));
    expect(winners).toHaveLength(1);
    expect(answers.flatMap((answer) => answer.userErrors.map((error) => error.code))).toEqual(
      Array.from({ length: 7 }, () => "STALE_QUANTITY"),
    );
    expect(await levelsOf(merchant)).toEqual([level("MAIN", winners[0] ?? 0)]);
  });

  test("commitInventory promises and releases units, and shipInventory takes committed ones off the shelf", async () => {
    const merchant = await aMerchant(api, { onHand: 10 });
    const { customerId, token } = merchant;
    const act = (name: string, quantity: number) =>
      api.change<{ items: object[] }>(name, ITEMS, { customerId, lines: [{ sku: "SKU-0000", quantity }] }, token);
    expect((await act("commitInventory", 12)).items).toMatchObject([
      { onHand: 10, committed: 12, available: -2, processOrders: false },
    ]);
    expect((await act("commitInventory", -5)).items).toMatchObject([
      { onHand: 10, committed: 7, available: 3, processOrders: true },
    ]);
    expect((await act("shipInventory", 7)).items).toMatchObject([{ onHand: 3, committed: 0, available: 3 }]);
    expect(await levelsOf(merchant)).toEqual([level("MAIN", 3)]);
  });

  test("a line names its warehouse, and two lines of one SKU may name two", async () => {
    const merchant = await aMerchant(api, { warehouses: ["EAST", "WEST"] });
    const { customerId, token } = merchant;
    const lines = [
      { sku: "SKU-0000", quantity: 2, warehouse: "EAST" },
      { sku: "SKU-0000", quantity: 3, warehouse: "WEST" },
    ];
    expect(await api.change("receiveInventory", ITEMS, { customerId, lines }, token)).toMatchObject({
      changedCount: 1,
      items: [{ sku: "SKU-0000", onHand: 5 }],
    });
    expect(await levelsOf(merchant)).toEqual([level("EAST", 2), level("WEST", 3)]);
  });

  test("a thousand lines are one act, of which the first 250 items are told", async () => {
    const merchant = await aMerchant(api, { items: 1_000 });
    const { customerId, token, skus } = merchant;
    const lines = skus.toReversed().map((sku) => ({ sku, quantity: 1 }));
    const payload = await api.change<{ changedCount: number; items: { sku: string }[] }>(
      "receiveInventory",
      "changedCount items { sku }",
      { customerId, lines },
      token,
    );
    expect(payload.changedCount).toBe(1_000);
    expect(payload.items.map((item) => item.sku)).toEqual(skus.toReversed().slice(0, 250));
    expect(
      await rows(api, "select sum(on_hand)::int as sum from item where customer_id = $1", [merchant.world.customerId]),
    ).toEqual([{ sum: 1_000 }]);
  });

  test("each stock change reaches the shop", async () => {
    const merchant = await aMerchant(api, { onHand: 10 });
    const { customerId, token } = merchant;
    await using shop = await startTestShop("WEBHOOK");
    await connectShop(api, merchant, shop);
    const acts = [
      ["receiveInventory", { quantity: 5 }, 15],
      ["adjustInventory", { onHandDelta: -1 }, 14],
      ["setInventory", { onHand: 20 }, 20],
      ["commitInventory", { quantity: 8 }, 12],
      // Not a unit more or less to sell.
      ["shipInventory", { quantity: 8 }, 12],
      ["adjustInventory", { unavailableDelta: 12 }, 0],
    ] as const;
    for (const [name, line, quantity] of acts) {
      await api.change(name, "changedCount", { customerId, lines: [{ sku: "SKU-0000", ...line }] }, token);
      await until(() => shop.quantityOf("SKU-0000") === quantity);
    }
  });
});

describe("ship notices", () => {
  const NOTICE =
    "shipNotice { id reference expectedAt published warehouse { code } customer { id } lines { item { sku available publishedInbound } expected received damaged published } }";
  interface NoticePayload {
    readonly shipNotice: { readonly id: string };
  }

  test("announced, published, received in two parts and withdrawn again, as the levels show", async () => {
    const merchant = await aMerchant(api, { items: 2, warehouses: ["EAST", "WEST"] });
    const { customerId, token } = merchant;
    const made = await api.change<NoticePayload>(
      "createShipNotice",
      NOTICE,
      {
        customerId,
        reference: "ASN-1",
        warehouse: "WEST",
        expectedAt: "2030-01-02T03:04:05+01:00",
        lines: [
          { sku: "SKU-0001", quantity: 10 },
          { sku: "SKU-0000", quantity: 5 },
        ],
      },
      token,
    );
    const line = { received: 0, damaged: 0, published: false };
    expect(made.shipNotice).toEqual({
      id: expect.stringMatching(/^notice_/),
      reference: "ASN-1",
      expectedAt: "2030-01-02T02:04:05.000Z",
      published: false,
      warehouse: { code: "WEST" },
      customer: { id: customerId },
      lines: [
        { item: { sku: "SKU-0001", available: 0, publishedInbound: 0 }, expected: 10, ...line },
        { item: { sku: "SKU-0000", available: 0, publishedInbound: 0 }, expected: 5, ...line },
      ],
    });
    expect(await levelsOf(merchant, 1)).toEqual([]);

    const shipNoticeId = made.shipNotice.id;
    const one = { shipNoticeId, skus: ["SKU-0001"] };
    expect(await api.change("publishShipNotice", NOTICE, one, token)).toMatchObject({
      shipNotice: {
        published: true,
        lines: [
          { item: { publishedInbound: 10, available: 0 }, published: true },
          { item: { publishedInbound: 0 }, published: false },
        ],
      },
    });
    expect(await levelsOf(merchant, 1)).toEqual([level("WEST", 0, 0, 0, 10)]);

    const receipt = { shipNoticeId, lines: [{ sku: "SKU-0001", good: 6, damaged: 1 }] };
    expect(await api.change("receiveShipNotice", NOTICE, receipt, token)).toMatchObject({
      shipNotice: { lines: [{ item: { publishedInbound: 3, available: 6 }, received: 6, damaged: 1 }, {}] },
    });
    expect(await levelsOf(merchant, 1)).toEqual([level("WEST", 7, 0, 1, 3)]);

    await api.change("publishShipNotice", NOTICE, { shipNoticeId, published: false }, token);
    expect(await levelsOf(merchant, 1)).toEqual([level("WEST", 7, 0, 1, 0)]);

    // More than was expected may come.
    const rest = {
      shipNoticeId,
      lines: [
        { sku: "SKU-0001", good: 5 },
        { sku: "SKU-0000", good: 5 },
      ],
    };
    expect(await api.change("receiveShipNotice", NOTICE, rest, token)).toMatchObject({
      shipNotice: { published: false, lines: [{ received: 11 }, { received: 5 }] },
    });
    expect(await levelsOf(merchant)).toEqual([level("WEST", 5)]);
    expect(await levelsOf(merchant, 1)).toEqual([level("WEST", 12, 0, 1)]);
  });

  test("publishing skips the lines of items whose policy is NEVER, and repeating it changes nothing", async () => {
    const merchant = await aMerchant(api, { items: 2 });
    const { customerId, token, itemIds } = merchant;
    await api.change("setItemSyncInventory", "item { id }", { itemId: itemIds[0], mode: "NEVER" }, token);
    const lines = [
      { sku: "SKU-0000", quantity: 1 },
      { sku: "SKU-0001", quantity: 2 },
    ];
    const { shipNotice } = await api.change<NoticePayload>(
      "createShipNotice",
      NOTICE,
      { customerId, reference: "ASN-2", lines },
      token,
    );
    for (const _ of [1, 2])
      expect(await api.change("publishShipNotice", NOTICE, { shipNoticeId: shipNotice.id }, token)).toMatchObject({
        shipNotice: { lines: [{ published: false }, { published: true, item: { publishedInbound: 2 } }] },
      });
    expect(await levelsOf(merchant)).toEqual([]);
    expect(await levelsOf(merchant, 1)).toEqual([level("MAIN", 0, 0, 0, 2)]);
  });

  test("published units reach the shop before they arrive", async () => {
    const merchant = await aMerchant(api, { syncMode: "ALWAYS" });
    const { customerId, token } = merchant;
    await using shop = await startTestShop("WEBHOOK");
    await connectShop(api, merchant, shop);
    expect(shop.quantityOf("SKU-0000")).toBeNull();
    const lines = [{ sku: "SKU-0000", quantity: 30 }];
    const { shipNotice } = await api.change<NoticePayload>(
      "createShipNotice",
      NOTICE,
      { customerId, reference: "ASN-3", lines },
      token,
    );
    await api.change("publishShipNotice", NOTICE, { shipNoticeId: shipNotice.id }, token);
    await until(() => shop.quantityOf("SKU-0000") === 30);
  });
});
