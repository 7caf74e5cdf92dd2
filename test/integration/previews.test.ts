import { afterAll, beforeAll, expect, test } from "vitest";
import { setItemsSync } from "../../src/sync/change-settings.js";
import { readPreview, wouldZeroSql } from "../../src/sync/preview.js";
import { sql, type Tx } from "../../src/sync/sql.js";
import { readSyncSummaries } from "../../src/sync/sync-summary.js";
import { SkipReason, SyncSettingMode } from "../../src/terms.js";
import { createTestDatabase, type TestDatabase } from "../support/database.js";
import { testSeed, writeRandomCustomers } from "../support/random-rows.js";

let db: TestDatabase;
let customerIds: readonly string[];
beforeAll(async () => {
  db = await createTestDatabase();
  customerIds = await writeRandomCustomers(db.dataSource, 20, testSeed);
});
afterAll(() => db[Symbol.asyncDispose]());

interface Effective {
  readonly id: string;
  readonly skips: readonly SkipReason[];
  readonly zero: boolean;
}
const effective = (tx: Tx, customerId: string): Promise<Effective[]> =>
  sql(
    tx,
    `select e.listing_id as id, e.skips, e.quantity = 0 and coalesce(l.last_synced_quantity, 0) > 0 as zero
       from listing_effective e join listing l on l.id = e.listing_id where e.customer_id = $1`,
    [customerId],
  );

const inGateOrder = (skips: readonly { readonly reason: SkipReason }[]): readonly object[] =>
  Object.values(SkipReason).flatMap((reason) => skips.filter((one) => one.reason === reason));

test(`a preview counts what the gates say once the items have the mode (TEST_SEED=${String(testSeed)})`, async () => {
  let started = 0;
  for (const customerId of customerIds)
    for (const mode of Object.values(SyncSettingMode)) {
      const runner = db.dataSource.createQueryRunner();
      await runner.startTransaction();
      try {
        const tx = runner.manager;
        const items = await sql<{ id: string }>(tx, `select id from item where customer_id = $1`, [customerId]);
        if (items.length === 0) continue;
        const proposal = { customerId, selection: { filter: {} }, storeIds: null, mode, liftNeverReceived: false };
        const preview = await readPreview(tx, proposal);
        const params: unknown[] = [];
        const zeros = await sql<{ id: string }>(tx, `select l.id ${await wouldZeroSql(tx, proposal, params)}`, params);
        const before = new Map((await effective(tx, customerId)).map((one) => [one.id, one.skips.length === 0]));
        const itemIds = items.map((item) => item.id);
        await setItemsSync(tx, "test", { itemIds, mode, expiresAt: null, note: null, trigger: "BULK" });
        const after = await effective(tx, customerId);
        const count = (fits: (one: Effective) => boolean): number => after.filter(fits).length;
        const syncs = (one: Effective): boolean => one.skips.length === 0;
        expect({ ...preview, skips: inGateOrder(preview.skips) }).toEqual({
          matchedItems: items.length,
          matchedListings: after.length,
          willSync: count(syncs),
          willSkip: count((one) => !syncs(one)),
          skips: Object.values(SkipReason)
            .map((reason) => ({ reason, count: count((one) => one.skips.includes(reason)) }))
            .filter((one) => one.count > 0),
          wouldStart: count((one) => syncs(one) && before.get(one.id) === false),
          wouldStop: count((one) => !syncs(one) && before.get(one.id) === true),
        });
        expect(zeros.map((one) => one.id).sort()).toEqual(
          after
            .filter((one) => syncs(one) && one.zero)
            .map((one) => one.id)
            .sort(),
        );
        const [summary] = await readSyncSummaries(tx, [customerId]);
        expect(summary).toMatchObject({ listings: after.length, skips: preview.skips });
        started += preview.wouldStart;
      } finally {
        await runner.rollbackTransaction();
        await runner.release();
      }
    }
  expect(started).toBeGreaterThan(0);
});
