import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { startWebhookShop } from "../../sandbox/webhook.js";
import { startWooCommerceShop } from "../../sandbox/woocommerce.js";
import { sql } from "../../src/sync/sql.js";
import { uuidOf } from "../../src/terms.js";
import { aCluster } from "../support/cluster.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { aGateway, type RunningGateway } from "../support/gateway.js";
import {
  acknowledged,
  allCursors,
  aMerchant,
  type Merchant,
  numbersTo,
  type ShopToConnect,
  settled,
  skusOf,
} from "../support/merchant.js";
import { randomOf, seed } from "../support/random.js";
import { type SeenOutcome, type Subscriber, type SubscriberOptions, subscribe } from "../support/subscriber.js";
import { until } from "../support/until.js";

const gatewayOn = (url: string): Promise<RunningGateway> =>
  aGateway({
    env: {
      DATABASE_URL: url,
      EVENKEEL_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString("base64"),
      EVENKEEL_ALLOW_PRIVATE_STORES: "on",
    },
  });

/** Two shops that have these items without stock, gone when the test ends. */
async function shopsWith(items: number): Promise<readonly ShopToConnect[]> {
  const woocommerce = await startWooCommerceShop({ latencyMs: 5 });
  const webhook = await startWebhookShop({ latencyMs: 5 });
  onTestFinished(async () => {
    await Promise.all([woocommerce.close(), webhook.close()]);
  });
  for (const sku of skusOf(items)) woocommerce.add({ sku, stockQuantity: 0 });
  return [
    {
      name: "Woo",
      platform: "WOOCOMMERCE",
      url: woocommerce.url,
      credentials: { woocommerce: woocommerce.credentials },
    },
    { name: "Hook", platform: "WEBHOOK", url: webhook.url, credentials: { webhook: { secret: webhook.secret } } },
  ];
}

const cursorsOf = ({ seen }: { readonly seen: readonly SeenOutcome[] }): readonly string[] =>
  seen.map(({ cursor }) => cursor);
const receive = (gateway: RunningGateway, { customerId }: Merchant, sku = "SKU-00") =>
  gateway.mutate("receiveInventory", "changedCount", { customerId, lines: [{ sku, quantity: 1 }] });
/** The number of the customer's newest outcome, once nothing more is to come. */
async function lastNumber(gateway: RunningGateway, { customerId }: Merchant): Promise<number> {
  await settled(gateway, customerId);
  return (await allCursors(gateway, customerId)).length;
}

interface Stage extends AsyncDisposable {
  readonly database: TestDatabase;
  readonly gateway: RunningGateway;
  readonly merchant: Merchant;
  /** Subscribed until the test ends. */
  follow(options?: Omit<SubscriberOptions, "customerId">): Subscriber;
}

/** A merchant of three items in two shops: six outcomes, 1 to 6. */
async function setStage(): Promise<Stage> {
  const database = await createTestDatabase();
  const gateway = await gatewayOn(database.url);
  const merchant = await aMerchant(gateway, { items: 3, onHand: 5, shops: await shopsWith(3) });
  const followers: Subscriber[] = [];
  return {
    database,
    gateway,
    merchant,
    follow: (options = {}) => {
      const follower = subscribe(gateway, { customerId: merchant.customerId, ...options });
      followers.push(follower);
      return follower;
    },
    [Symbol.asyncDispose]: async () => {
      for (const follower of followers) await follower.leave();
      await gateway.stop();
      await database[Symbol.asyncDispose]();
    },
  };
}

describe("a subscriber", () => {
  test("that begins at 0 sees the feed from its first outcome and then what comes, each once and in order", async () => {
    await using stage = await setStage();
    const follower = stage.follow({ after: "0" });
    await until(() => follower.seen.length >= 6);
    await receive(stage.gateway, stage.merchant);
    const last = await lastNumber(stage.gateway, stage.merchant);
    expect(last).toBe(8);
    await until(() => follower.seen.length >= last);
    expect(cursorsOf(follower)).toEqual(numbersTo(8));
  });

  test("that goes on behind a cursor sees what follows it; without one, what comes from then on", async () => {
    await using stage = await setStage();
    const [behind, live] = [stage.follow({ after: "4" }), stage.follow()];
    await until(() => behind.seen.length >= 2 && live.connections() === 1);
    // A live one sees the first outcome that is written after it was heard: each receipt may be the first.
    await until(async () => {
      await receive(stage.gateway, stage.merchant);
      return live.seen.length > 0;
    });
    const last = await lastNumber(stage.gateway, stage.merchant);
    await until(() => [behind, live].every(({ seen }) => seen.at(-1)?.cursor === String(last)));
    expect(cursorsOf(behind)).toEqual(numbersTo(last).slice(4));
    expect(cursorsOf(live)).toEqual(numbersTo(last).slice(-live.seen.length));
  });

  test("with a cursor that is none of the feed's is told CURSOR_EXPIRED", async () => {
    await using stage = await setStage();
    const future = ["7", "999999999999999", "9999999999999999", "99999999999999999999"];
    const malformed = ["-1", "01", "+1", "1.0", "1e0", " 1", "1\n", "", "six", "0x1", "１"];
    const followers = [...future, ...malformed].map((after) => ({ after, follower: stage.follow({ after }) }));
    for (const { after, follower } of followers) {
      await until(() => follower.errors.length > 0);
      expect({ after, errors: follower.errors, seen: follower.seen }).toEqual({
        after,
        errors: ["CURSOR_EXPIRED"],
        seen: [],
      });
    }
  });

  test("whose cursor is older than what is kept is told CURSOR_EXPIRED, and one at its edge goes on", async () => {
    await using stage = await setStage();
    const customer = uuidOf("customer", stage.merchant.customerId);
    await stage.database.dataSource.transaction(async (tx) => {
      await sql(tx, "delete from outcome where customer_id = $1 and seq <= 4", [customer]);
      await sql(tx, "update feed set first_seq = 5 where customer_id = $1", [customer]);
    });
    const [tooOld, oldest] = [stage.follow({ after: "3" }), stage.follow({ after: "4" })];
    await until(() => tooOld.errors.length > 0 && oldest.seen.length >= 2);
    expect(tooOld).toMatchObject({ errors: ["CURSOR_EXPIRED"], seen: [] });
    expect(cursorsOf(oldest)).toEqual(["5", "6"]);
  });

  test("who falls behind what is kept while it reads is told CURSOR_EXPIRED, and nothing past the gap", async () => {
    await using stage = await setStage();
    const customer = uuidOf("customer", stage.merchant.customerId);
    await stage.database.dataSource.transaction(async (tx) => {
      await sql(
        tx,
        `insert into outcome (customer_id, seq, occurred_at, id, status, trigger, store_id, item_id, listing_id, revision, attempt)
         select customer_id, 6 + n, now(), gen_random_uuid(), 'UNCHANGED', 'MANUAL', store_id, item_id, listing_id, revision, 1
           from outcome, generate_series(1, 5000) n where customer_id = $1 and seq = 1`,
        [customer],
      );
      await sql(tx, "update feed set last_seq = 5006 where customer_id = $1", [customer]);
    });
    const follower = stage.follow({ after: "0" });
    await until(() => follower.seen.length > 0);
    await stage.database.dataSource.transaction(async (tx) => {
      await sql(tx, "delete from outcome where customer_id = $1", [customer]);
      await sql(tx, "update feed set first_seq = 5007 where customer_id = $1", [customer]);
    });
    await until(() => follower.errors.length > 0);
    expect(follower.errors).toEqual(["CURSOR_EXPIRED"]);
    expect(follower.seen.length).toBeLessThan(5006);
    expect(cursorsOf(follower)).toEqual(numbersTo(follower.seen.length));
  });

  test("sees only what its filter asks for, from the past and live", async () => {
    await using stage = await setStage();
    const { gateway, merchant } = stage;
    const all = stage.follow({ after: "0" });
    await until(() => all.seen.length >= 6);
    const itemId = all.seen.find(({ item }) => item.sku === "SKU-01")?.item.id;
    const [storeId] = merchant.storeIds;
    const filters: readonly [object, (outcome: SeenOutcome) => boolean][] = [
      [{ status: ["SKIPPED"] }, ({ status }) => status === "SKIPPED"],
      [{ status: ["SUCCEEDED", "UNCHANGED"] }, ({ status }) => status !== "SKIPPED"],
      [{ storeIds: [storeId] }, ({ store }) => store.id === storeId],
      [{ itemIds: [itemId] }, ({ item }) => item.id === itemId],
      [
        { status: ["SKIPPED"], storeIds: [storeId], itemIds: [itemId] },
        ({ status, store, item }) => status === "SKIPPED" && store.id === storeId && item.id === itemId,
      ],
    ];
    const followers = filters.map(([filter, fits]) => ({ fits, follower: stage.follow({ after: "0", filter }) }));
    for (const sku of merchant.skus) await receive(gateway, merchant, sku);
    await settled(gateway, merchant.customerId);
    await gateway.mutate("setItemSyncInventory", "item { id }", { itemId, mode: "NEVER" });
    await receive(gateway, merchant, "SKU-01");
    const last = await lastNumber(gateway, merchant);
    await until(() => all.seen.length >= last);
    expect(new Set(all.seen.map(({ status }) => status))).toContain("SKIPPED");
    for (const { follower, fits } of followers) {
      const expected = all.seen.filter(fits);
      await until(() => follower.seen.length >= expected.length);
      expect(follower.seen).toEqual(expected);
    }
  });

  test("is closed with 1001 when the gateway stops", async () => {
    await using stage = await setStage();
    const follower = stage.follow({ after: "0" });
    await until(() => follower.seen.length >= 6);
    stage.gateway.process.kill("SIGTERM");
    expect(await stage.gateway.process).toMatchObject({ exitCode: 0 });
    await until(() => follower.closeCodes.length > 0);
    expect(follower.closeCodes[0]).toBe(1001);
  });

  test("leaves nothing behind that reads the feed", async () => {
    await using stage = await setStage();
    const followers = [stage.follow(), stage.follow({ after: "0" }), stage.follow({ after: "6" })];
    await until(() => followers.every((follower) => follower.connections() === 1) && followers[1]?.seen.length === 6);
    const before = await readsOfFeed(stage.database);
    await until(async () => (await readsOfFeed(stage.database)) > before);
    // One unsubscribes, one is lost, one unsubscribes while it waits for news.
    followers[0]?.cut();
    for (const follower of followers) await follower.leave();
    let [seen, looks] = [await readsOfFeed(stage.database), 0];
    // PostgreSQL tells its counts a second late: they stand still for twice as long once nobody polls.
    await until(
      async () => {
        const now = await readsOfFeed(stage.database);
        looks = now === seen ? looks + 1 : 0;
        seen = now;
        return looks >= 20;
      },
      { everyMs: 125 },
    );
  });
});

/** How often the feed's heads were read, which the gateway does several times a second while somebody subscribes. */
async function readsOfFeed({ dataSource }: TestDatabase): Promise<number> {
  const [row] = await sql<{ reads: number }>(
    dataSource,
    "select seq_scan + coalesce(idx_scan, 0) as reads from pg_stat_user_tables where relname = 'feed'",
  );
  return row?.reads ?? 0;
}

const WRITERS = 16;
const CHANGES = 30;
/** Of all 480 changes: after how many somebody comes late, and after how many the database dies; then both once more. */
const LATE = 120;
const CRASH = 150;

/** Changes each writer's own item again and again; each change is acknowledged before the next. `onChange` hears of each. */
async function write(gateway: RunningGateway, merchant: Merchant, onChange: () => void): Promise<void> {
  const { customerId, skus } = merchant;
  const writer = async (sku: string, random: (below: number) => number): Promise<void> => {
    for (let change = 0; change < CHANGES; change += 1) {
      const onHand = random(4);
      await acknowledged(gateway, "setInventory", "changedCount", { customerId, lines: [{ sku, onHand }] });
      onChange();
    }
  };
  await Promise.all(skus.map((sku, index) => writer(sku, randomOf(seed + index))));
}

/** A token that the database is asked about at each connection, unlike the operator's. */
async function tokenOf(gateway: RunningGateway, customerId: string): Promise<string> {
  const made = await gateway.query(
    "mutation ($input: CreateApiTokenInput!) { createApiToken(input: $input) { token } }",
    {
      input: { name: "A dashboard", customerId, scopes: ["READ"] },
    },
  );
  return z.object({ createApiToken: z.object({ token: z.string() }) }).parse(made).createApiToken.token;
}

describe(`sixteen writers (TEST_SEED=${String(seed)})`, () => {
  test.each([{ through: "" }, { through: ", through two crashes of the database" }])(
    "and five subscribers, some cut off again and again, some late: each sees exactly 1, 2, 3 …$through",
    async ({ through }) => {
      await using cluster = await aCluster();
      await using gateway = await gatewayOn(cluster.url);
      const merchant = await aMerchant(gateway, { items: WRITERS, onHand: 1, shops: await shopsWith(WRITERS) });
      const { customerId } = merchant;
      const random = randomOf(seed);
      const followers: Subscriber[] = [];
      const token = await tokenOf(gateway, customerId);
      const follow = (): void => void followers.push(subscribe({ ...gateway, token }, { customerId, after: "0" }));
      onTestFinished(async () => {
        await Promise.all(followers.map((follower) => follower.leave()));
      });
      let crashes = Promise.resolve();
      let changes = 0;
      follow();
      follow();
      follow();
      await write(gateway, merchant, () => {
        changes += 1;
        // The first is never cut off.
        if (changes % 3 === 0) followers[1 + random(followers.length - 1)]?.cut();
        if (changes === LATE || changes === 3 * LATE) follow();
        if (through === "") return;
        if (changes === CRASH) crashes = crashes.then(() => cluster.crash("SIGQUIT"));
        if (changes === 2 * CRASH) crashes = crashes.then(() => cluster.crash("SIGKILL"));
      });
      await crashes;
      await settled(gateway, customerId);
      const cursors = await allCursors(gateway, customerId);
      console.log(
        cursors.length,
        followers.map((f) => f.connections()),
      );
      expect(cursors).toEqual(numbersTo(cursors.length));
      for (const follower of followers) {
        await until(() => follower.seen.length >= cursors.length);
        expect(cursorsOf(follower)).toEqual(cursors);
        expect(follower.errors).toEqual([]);
      }
      expect(followers).toHaveLength(5);
      expect(followers.slice(1).some((follower) => follower.connections() > 2)).toBe(true);
      expect(gateway.process.exitCode).toBeNull();
    },
  );
});
