/** A retry is safe: the same key with the same input acts once and gets the first answer, however often and at once it comes. */
import { GraphQLString, getNamedType, isInputObjectType } from "graphql";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildSchema } from "../../src/resolvers/build-schema.js";
import { type Ids, idsOf, MUTATIONS } from "../support/acts.js";
import { mutationText, startTestApi, type TestApi, type UserError } from "../support/api.js";
import { aMerchant, type Merchant, rows } from "../support/api-merchant.js";
import { fingerprint } from "../support/api-state.js";
import { quiet, startTestShop, type TestShop } from "../support/engine.js";
import { openSocket } from "../support/socket.js";
import { until } from "../support/until.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api[Symbol.asyncDispose]());

/** TEST_SIZE=full: as many as the promise says. */
const [KEYS, AT_ONCE] = process.env["TEST_SIZE"] === "full" ? [200, 50] : [10, 20];

interface Stocked {
  readonly changedCount: number;
  readonly items: readonly { readonly onHand: number }[];
}
const receive = ({ customerId, token, skus }: Merchant, idempotencyKey: string, quantity = 1) =>
  api.mutate<Stocked>(
    "receiveInventory",
    "changedCount items { onHand }",
    { customerId, idempotencyKey, lines: [{ sku: skus[0], quantity }] },
    token,
  );
const onHand = async ({ world }: Merchant): Promise<number> =>
  (await rows<{ on_hand: number }>(api, "select on_hand from item where id = $1", [world.itemIds[0]]))[0]?.on_hand ??
  -1;
const codes = ({ userErrors }: { readonly userErrors: readonly UserError[] }): readonly string[] =>
  userErrors.map((error) => error.code);

describe("the same key with the same input", () => {
  test(`${String(AT_ONCE)} at once for each of ${String(KEYS)} keys: one effect each, and every answer is the first or to ask again`, async () => {
    const merchant = await aMerchant(api);
    const keys = Array.from({ length: KEYS }, (_, index) => `key ${String(index)}`);
    // Ten keys at a time: a client has no more connections.
    for (let at = 0; at < KEYS; at += 10) {
      const calls = Array.from({ length: AT_ONCE }, () => keys.slice(at, at + 10)).flat();
      const answers = await Promise.all(calls.map((key) => receive(merchant, key)));
      for (const answer of answers)
        expect(codes(answer)[0] ?? answer.changedCount).toBeOneOf([1, "IDEMPOTENCY_IN_PROGRESS"]);
    }
    // Who was to ask again gets the answer.
    for (const key of keys) expect(codes(await receive(merchant, key))).toEqual([]);
    expect(await onHand(merchant)).toBe(KEYS);
    expect(
      await rows(
        api,
        "select sum(on_hand_delta)::int as sum, count(*)::int as count from inventory_movement where customer_id = $1",
        [merchant.world.customerId],
      ),
    ).toEqual([{ sum: KEYS, count: KEYS }]);
    expect(
      await rows(api, "select count(*)::int as count from idempotency where customer_id = $1", [
        merchant.world.customerId,
      ]),
    ).toEqual([{ count: KEYS }]);
  });

  test("makes one store where 10 connect it at once", async () => {
    const { customerId, token, world } = await aMerchant(api);
    await using shop = await startTestShop("WOOCOMMERCE");
    const input = {
      customerId,
      name: "Once",
      platform: "WOOCOMMERCE",
      url: shop.url,
      credentials: { woocommerce: shop.credentials },
      idempotencyKey: "connect",
    };
    const connect = () => api.mutate<{ store: { id: string } | null }>("connectStore", "store { id }", input, token);
    const answers = await Promise.all(Array.from({ length: 10 }, connect));
    const ids = new Set([...answers, await connect()].flatMap(({ store }) => store?.id ?? []));
    expect(ids.size).toBe(1);
    expect(await rows(api, "select name from store where customer_id = $1", [world.customerId])).toEqual([
      { name: "Once" },
    ]);
  });

  test("while the first is still running is told so, acts not, and gets the answer later", async () => {
    const merchant = await aMerchant(api);
    const waiting = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    const [first, second] = await api.database.dataSource.transaction(async (tx) => {
      await tx.query("select 1 from item where id = $1 for update", [merchant.world.itemIds[0]]);
      const held = receive(merchant, "slow");
      await until(async () => (await rows(api, waiting)).length > 0);
      // Not awaited here: it waits for this transaction.
      return [{ answer: held }, await receive(merchant, "slow")] as const;
    });
    expect(second).toMatchObject({
      changedCount: 0,
      items: [],
      userErrors: [{ code: "IDEMPOTENCY_IN_PROGRESS", field: ["idempotencyKey"] }],
    });
    const done = await first.answer;
    expect(codes(done)).toEqual([]);
    expect(await receive(merchant, "slow")).toEqual(done);
    expect(await onHand(merchant)).toBe(1);
  });

  test("in another order of its fields, and over WebSocket, is the same input", async () => {
    const merchant = await aMerchant(api);
    await receive(merchant, "order");
    await using socket = await openSocket(api.wsUrl, merchant.token);
    const input = {
      lines: [{ quantity: 1, sku: merchant.skus[0] }],
      idempotencyKey: "order",
      customerId: merchant.customerId,
    };
    const { data } = await socket.run(mutationText("receiveInventory", "changedCount"), { input });
    expect(data).toEqual({ receiveInventory: { changedCount: 1, userErrors: [] } });
    expect(await onHand(merchant)).toBe(1);
  });

  test("answers what was done then, and shows what it is now", async () => {
    const merchant = await aMerchant(api);
    expect(await receive(merchant, "then")).toMatchObject({ changedCount: 1, items: [{ onHand: 1 }] });
    await receive(merchant, "another");
    expect(await receive(merchant, "then")).toMatchObject({ changedCount: 1, items: [{ onHand: 2 }] });
  });

  test("acts again after 24 hours", async () => {
    const merchant = await aMerchant(api);
    await receive(merchant, "old");
    await rows(api, "update idempotency set created_at = now() - interval '23 hours 59 minutes' where key = 'old'");
    await receive(merchant, "old");
    expect(await onHand(merchant)).toBe(1);
    await rows(api, "update idempotency set created_at = now() - interval '24 hours 1 minute' where key = 'old'");
    await receive(merchant, "old");
    expect(await onHand(merchant)).toBe(2);
    await receive(merchant, "old");
    expect(await onHand(merchant)).toBe(2);
  });

  test("acts where the first was a mistake: nothing had been done", async () => {
    const merchant = await aMerchant(api, { items: 0 });
    const { customerId, token } = merchant;
    const input = { customerId, idempotencyKey: "mended", lines: [{ sku: "LATER", quantity: 3 }] };
    const send = () => api.mutate<{ changedCount: number }>("receiveInventory", "changedCount", input, token);
    expect(codes(await send())).toEqual(["UNKNOWN_SKU"]);
    await api.change("upsertItems", "changedCount", { customerId, items: [{ sku: "LATER", title: "Later" }] }, token);
    expect(await send()).toEqual({ changedCount: 1, userErrors: [] });
    expect(await send()).toEqual({ changedCount: 1, userErrors: [] });
    expect(await rows(api, "select on_hand from item where customer_id = $1", [merchant.world.customerId])).toEqual([
      { on_hand: 3 },
    ]);
  });
});

describe("a key belongs to", () => {
  test("one input: another is refused and does nothing", async () => {
    const merchant = await aMerchant(api);
    await receive(merchant, "mine", 1);
    const before = await fingerprint(api);
    expect(await receive(merchant, "mine", 2)).toMatchObject({
      changedCount: 0,
      userErrors: [{ code: "IDEMPOTENCY_KEY_REUSED", field: ["idempotencyKey"] }],
    });
    expect(await fingerprint(api)).toEqual(before);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => receive(merchant, "raced", 1 + (index % 2))),
    );
    const done = answers.filter((answer) => answer.userErrors.length === 0);
    expect(done.length).toBeGreaterThan(0);
    // Whichever came first: 1 or 2 units, once.
    expect((await onHand(merchant)) - 1).toBeOneOf([1, 2]);
  });

  test("one customer and one mutation", async () => {
    const [one, other] = [await aMerchant(api), await aMerchant(api)];
    await receive(one, "shared");
    await receive(other, "shared", 5);
    const { customerId, token } = one;
    const input = { customerId, idempotencyKey: "shared", lines: [{ sku: "SKU-0000", onHandDelta: 2 }] };
    await api.change("adjustInventory", "changedCount", input, token);
    expect([await onHand(one), await onHand(other)]).toEqual([3, 5]);
  });
});

describe("every mutation that takes a key", () => {
  let shop: TestShop;
  let merchant: Merchant;
  let ids: Ids;
  beforeAll(async () => {
    shop = await startTestShop("WEBHOOK");
    merchant = await aMerchant(api, { items: 2, onHand: 5 });
    ids = await idsOf(api, merchant, shop);
  });
  afterAll(() => shop.close());

  test("is every mutation, and is tried below", () => {
    const mutations = Object.values(buildSchema().getMutationType()?.getFields() ?? {});
    const keyed = mutations.filter(({ args }) => {
      const [input, ...others] = args;
      const type = input && getNamedType(input.type);
      return (
        others.length === 0 && isInputObjectType(type) && type.getFields()["idempotencyKey"]?.type === GraphQLString
      );
    });
    expect(keyed).toEqual(mutations);
    const tried = new Set([...MUTATIONS.map((act) => act.name), "createCustomer"]);
    expect([...tried].toSorted()).toEqual(mutations.map((field) => field.name).toSorted());
  });

  test("createApiToken shows the same token twice, and another token of the customer's may be shown it too", async () => {
    const { customerId, token } = merchant;
    const input = { customerId, name: "Shown twice", scopes: ["READ"], idempotencyKey: "token" };
    const make = (as: string) =>
      api.change<{ token: string; apiToken: { id: string } }>("createApiToken", "token apiToken { id }", input, as);
    const first = await make(token);
    expect(await make(token)).toEqual(first);
    expect(await make(await api.token({ customerId }))).toEqual(first);
    expect(await api.ask("{ viewer { name } }", {}, first.token)).toEqual({ viewer: { name: "Shown twice" } });
    const narrower = await api.token({ customerId, scopes: ["ADMIN"] });
    expect(codes(await api.mutate("createApiToken", "token", input, narrower))).toEqual(["INVALID_INPUT"]);
    // As after a change of the gateway's encryption key.
    await rows(api, "update idempotency set answer = answer || '{\"sealed\": \"v1.AA.AA.AA\"}' where key = 'token'");
    expect(await make(token)).toEqual({ ...first, token: null });
  });

  test("createCustomer makes one", async () => {
    const input = { name: "Only one", idempotencyKey: "customer" };
    const make = () => api.change<{ customer: { id: string } }>("createCustomer", "customer { id }", input);
    expect(await make()).toEqual(await make());
    expect(await rows(api, "select name from customer where name = 'Only one'")).toHaveLength(1);
  });

  test.each(MUTATIONS.map((act, at) => [act.name, act, at] as const))(
    "%s acts once, and answers the same twice",
    async (name, act, at) => {
      const { input } = act.variables(ids, shop) as { input: object };
      const send = () =>
        api.ask<Record<string, object>>(
          act.text,
          { input: { ...input, idempotencyKey: `${name} ${String(at)}` } },
          merchant.token,
        );
      const first = await send();
      expect(first[name]).toMatchObject({ userErrors: [] });
      await idle();
      const before = await fingerprint(api);
      expect(await send()).toEqual(first);
      await idle();
      expect(await fingerprint(api)).toEqual(before);
    },
  );

  /** No operation is open and nothing is left to do. */
  const idle = async (): Promise<void> => {
    await until(async () => (await rows(api, "select 1 from operation where finished_at is null")).length === 0);
    await quiet(api.database);
  };
});
