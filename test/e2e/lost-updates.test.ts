/**
 * No lost update: writers at once over the API, with overlapping lines in any order, and a model that knows nothing of how stock
 * is kept but adds up what was acknowledged. What was refused has changed nothing, not even by its good lines.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApi, type TestApi, type UserError } from "../support/api.js";
import { aMerchant, type Merchant, rows } from "../support/api-merchant.js";
import { randomOf, seed } from "../support/random.js";
import { until } from "../support/until.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api[Symbol.asyncDispose]());

const WAREHOUSES = ["EAST", "WEST"];
const FIELDS = ["onHand", "committed", "unavailable"] as const;
type Field = (typeof FIELDS)[number];
type Line = Readonly<Record<string, string | number>>;
/** Units by field, then by `SKU WAREHOUSE`. */
type Sums = Readonly<Record<Field, Map<string, number>>>;

interface Call {
  readonly mutation: string;
  readonly lines: readonly Line[];
  /** What it does to each level, if it is acknowledged. */
  readonly effect: readonly (readonly [Field, key: string, units: number])[];
}

/** The only refusals there may be: of what would fall below 0, of a level that is another by now, and of a SKU nobody has. */
const EXPECTED = new Set(["INVALID_QUANTITY", "STALE_QUANTITY", "UNKNOWN_SKU"]);
const STALE = /^onHand is (\d+) now, not (\d+)\.$/;

describe("writers at once", () => {
  const WRITERS = 8;
  const ROUNDS = 40;
  const OPENING = 20;

  test(`keep every sum right, whatever they do in whatever order (TEST_SEED=${String(seed)})`, async () => {
    const merchant = await aMerchant(api, { items: 5, warehouses: WAREHOUSES, onHand: OPENING });
    const keys = merchant.skus.flatMap((sku) => WAREHOUSES.map((warehouse) => [sku, warehouse] as const));
    const expected: Sums = { onHand: new Map(), committed: new Map(), unavailable: new Map() };
    for (const sku of merchant.skus) expected.onHand.set(`${sku} EAST`, OPENING);
    const done = new Map<string, number>();
    const random = randomOf(seed);

    /** A call over some of the levels, each once; one in eight has a line that is refused. */
    const aCall = (seen: ReadonlyMap<string, number>): Call => {
      const chosen = keys.toSorted(() => random(3) - 1).slice(0, 1 + random(4));
      const units = 1 + random(6);
      const kind = random(6);
      const lines = chosen.map(([sku, warehouse]): readonly [Line, Call["effect"]] => {
        const at = { sku, warehouse };
        const key = `${sku} ${warehouse}`;
        const was = seen.get(key) ?? 0;
        return (
          [
            [{ ...at, quantity: units }, [["onHand", key, units]]],
            [
              { ...at, onHandDelta: 2 - units, unavailableDelta: 1 },
              [
                ["onHand", key, 2 - units],
                ["unavailable", key, 1],
              ],
            ],
            [{ ...at, quantity: units }, [["committed", key, units]]],
            [{ ...at, quantity: -units }, [["committed", key, -units]]],
            [
              { ...at, quantity: units },
              [
                ["onHand", key, -units],
                ["committed", key, -units],
              ],
            ],
            [{ ...at, onHand: was + units, ifOnHand: was }, [["onHand", key, units]]],
          ] as const satisfies readonly (readonly [Line, Call["effect"]])[]
        )[kind] as readonly [Line, Call["effect"]];
      });
      const mutation =
        ["receiveInventory", "adjustInventory", "commitInventory", "commitInventory", "shipInventory", "setInventory"][
          kind
        ] ?? "";
      const poison = lines[0] && random(8) === 0 ? [{ ...lines[0][0], sku: "NOBODY'S" }] : [];
      return {
        mutation,
        lines: [...lines.map(([line]) => line), ...poison],
        effect: lines.flatMap(([, effect]) => effect),
      };
    };

    const writer = async (): Promise<void> => {
      const seen = new Map<string, number>();
      for (let round = 0; round < ROUNDS; round += 1) {
        const call = aCall(seen);
        const { userErrors } = await send(merchant, call);
        for (const { code, message, field } of userErrors) {
          expect(EXPECTED).toContain(code);
          const line = call.lines[Number(field?.[1])];
          const [, now = "", asked] = STALE.exec(message) ?? [];
          if (code !== "STALE_QUANTITY" || !line) continue;
          expect(Number(asked)).toBe(line["ifOnHand"]);
          seen.set(`${String(line["sku"])} ${String(line["warehouse"])}`, Number(now));
        }
        const outcome = userErrors.length === 0 ? call.mutation : "refused";
        done.set(outcome, (done.get(outcome) ?? 0) + 1);
        if (userErrors.length > 0) continue;
        for (const [field, key, units] of call.effect)
          expected[field].set(key, (expected[field].get(key) ?? 0) + units);
      }
    };
    await Promise.all(Array.from({ length: WRITERS }, writer));

    expect([...done.keys()].toSorted()).toEqual(
      ["adjustInventory", "commitInventory", "receiveInventory", "refused", "setInventory", "shipInventory"].toSorted(),
    );
    const sumOf = (field: Field, key: string): number => expected[field].get(key) ?? 0;
    const { items } = await api.ask<{ items: { nodes: ItemNode[] } }>(
      ITEMS,
      { customerId: merchant.customerId },
      merchant.token,
    );
    for (const { sku, inventoryLevels, ...sums } of items.nodes) {
      for (const warehouse of WAREHOUSES) {
        const level = inventoryLevels.find((one) => one.warehouse.code === warehouse);
        for (const field of FIELDS)
          expect([sku, warehouse, field, level?.[field] ?? 0]).toEqual([
            sku,
            warehouse,
            field,
            sumOf(field, `${sku} ${warehouse}`),
          ]);
      }
      for (const field of FIELDS)
        expect([sku, field, sums[field]]).toEqual([
          sku,
          field,
          sumOf(field, `${sku} EAST`) + sumOf(field, `${sku} WEST`),
        ]);
      expect(sums.available).toBe(sums.onHand - sums.committed - sums.unavailable);
    }
    // What is told of every change adds up to the same.
    expect(await rows(api, UNEXPLAINED, [merchant.world.customerId])).toEqual([]);
  });

  test("that set absolute levels leave the last word of one of them", async () => {
    const merchant = await aMerchant(api, { items: 2, warehouses: ["MAIN"] });
    const last = await Promise.all(
      Array.from({ length: WRITERS }, async (_, writer) => {
        let onHand = 0;
        for (let round = 0; round < 10; round += 1) {
          onHand = 1_000 * (writer + 1) + round;
          // Each other one from the other end.
          const skus = writer % 2 === 0 ? merchant.skus : merchant.skus.toReversed();
          const lines = skus.map((sku) => ({ sku, onHand }));
          expect((await send(merchant, { mutation: "setInventory", lines, effect: [] })).userErrors).toEqual([]);
        }
        return onHand;
      }),
    );
    const { items } = await api.ask<{ items: { nodes: ItemNode[] } }>(
      ITEMS,
      { customerId: merchant.customerId },
      merchant.token,
    );
    // Of both items the same writer's: a call applies whole.
    const [onHand, ...others] = new Set(items.nodes.map((item) => item.onHand));
    expect(others).toEqual([]);
    expect(last).toContain(onHand);
    expect(await rows(api, UNEXPLAINED, [merchant.world.customerId])).toEqual([]);
  });

  test("that compare before they set each add one: as many as were acknowledged", async () => {
    const merchant = await aMerchant(api, { items: 1, warehouses: ["MAIN"] });
    let acknowledged = 0;
    await Promise.all(
      Array.from({ length: WRITERS }, async () => {
        let was = 0;
        for (let round = 0; round < 30; round += 1) {
          const lines = [{ sku: merchant.skus[0] ?? "", onHand: was + 1, ifOnHand: was }];
          const { userErrors } = await send(merchant, { mutation: "setInventory", lines, effect: [] });
          if (userErrors.length === 0) {
            acknowledged += 1;
            was += 1;
          } else was = Number(STALE.exec(userErrors[0]?.message ?? "")?.[1]);
        }
      }),
    );
    expect(await rows(api, "select on_hand from item where customer_id = $1", [merchant.world.customerId])).toEqual([
      { on_hand: acknowledged },
    ]);
  });

  test("never wait for each other in a circle", async () => {
    expect(await rows(api, "select deadlocks from pg_stat_database where datname = current_database()")).toEqual([
      { deadlocks: 0 },
    ]);
  });
});

// Last: the only deadlock there is.
test("a call that PostgreSQL takes back, since somebody else locks in another order, is made again", async () => {
  const merchant = await aMerchant(api, { items: 2, warehouses: ["MAIN"], onHand: 1 });
  const [first, second] = merchant.world.itemIds.toSorted();
  const runner = api.database.dataSource.createQueryRunner();
  await runner.startTransaction();
  // The call looks for a circle after the server's second, this session later.
  await runner.query("set local deadlock_timeout = '30s'");
  await runner.query("select 1 from item where id = $1 for update", [second]);
  const lines = merchant.skus.map((sku) => ({ sku, quantity: 1 }));
  const call = send(merchant, { mutation: "receiveInventory", lines, effect: [] });
  await until(async () => (await rows(api, WAITING)).length > 0);
  await runner.query("select 1 from item where id = $1 for update", [first]);
  await runner.rollbackTransaction();
  await runner.release();
  expect((await call).userErrors).toEqual([]);
  expect(await rows(api, "select on_hand from item where customer_id = $1", [merchant.world.customerId])).toEqual([
    { on_hand: 2 },
    { on_hand: 2 },
  ]);
});

const send = (
  { customerId, token }: Merchant,
  { mutation, lines }: Call,
): Promise<{ userErrors: readonly UserError[] }> =>
  api.mutate<object>(mutation, "changedCount", { customerId, lines }, token);

type ItemNode = Readonly<Record<Field | "available", number>> & {
  readonly sku: string;
  readonly inventoryLevels: readonly (Readonly<Record<Field, number>> & {
    readonly warehouse: { readonly code: string };
  })[];
};
const ITEMS = `query ($customerId: ID!) { items(customerId: $customerId) { nodes {
  sku onHand committed unavailable available inventoryLevels { warehouse { code } onHand committed unavailable }
} } }`;

const WAITING = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";

/** Items and levels whose sums are not those of the movements that led to them. */
const UNEXPLAINED = `
  select i.sku from item i
   cross join lateral (
     select coalesce(sum(on_hand), 0) as on_hand, coalesce(sum(committed), 0) as committed, coalesce(sum(unavailable), 0) as unavailable
       from inventory_level where item_id = i.id) l
   cross join lateral (
     select coalesce(sum(on_hand_delta), 0) as on_hand, coalesce(sum(committed_delta), 0) as committed,
            coalesce(sum(unavailable_delta), 0) as unavailable
       from inventory_movement where item_id = i.id) m
   where i.customer_id = $1 and ((i.on_hand, i.committed, i.unavailable) <> (l.on_hand, l.committed, l.unavailable)
      or (i.on_hand, i.committed, i.unavailable) <> (m.on_hand, m.committed, m.unavailable))`;
