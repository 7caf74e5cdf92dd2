/**
 * ① Inbound: a ship notice is announced, its lines may be published (their units count as available before they arrive),
 * and it is received line by line, good and damaged apart.
 */
import { mayPublish, publishedUnits } from "../policy/ship-notice.js";
import { MAX_QUANTITY, newUuid } from "../terms.js";
import { applyLevelChanges, type LevelChange } from "./apply-level-changes.js";
import { MistakeList } from "./mistake-list.js";
import { sql, type Tx } from "./sql.js";
import { type LockedItem, lockItemsById, lockItemsBySku } from "./stock-reading.js";
import { UserMistake } from "./user-mistake.js";
import { chooseWarehouse, findWarehouses } from "./warehouses.js";

export interface NewShipNotice {
  readonly customerId: string;
  /** Unique among the customer's ship notices. */
  readonly reference: string;
  /** A warehouse's code; the customer's only warehouse where null. */
  readonly warehouse: string | null;
  readonly expectedAt: Date | null;
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[];
}

/** Announces units; nothing counts them until they are published or received. Answers the notice's id. */
export async function createShipNotice(tx: Tx, by: string, notice: NewShipNotice): Promise<string> {
  const mistakes = new MistakeList(["lines"]);
  const choice = chooseWarehouse(await findWarehouses(tx, notice.customerId), notice.warehouse);
  const items = await lockItemsBySku(
    tx,
    notice.customerId,
    notice.lines.map((line) => line.sku),
  );
  checkSkus(notice.lines, items, mistakes);
  for (const [index, line] of notice.lines.entries())
    if (line.quantity < 1 || line.quantity > MAX_QUANTITY)
      mistakes.add(index, "quantity", "INVALID_QUANTITY", `A line announces 1 to ${MAX_QUANTITY} units.`);
  mistakes.throwIfAny();
  if (notice.lines.length === 0)
    throw new UserMistake([
      { code: "INVALID_INPUT", message: "A ship notice has at least one line.", field: ["lines"] },
    ]);
  if (!("id" in choice)) throw new UserMistake([{ ...choice, field: ["warehouse"] }]);
  const id = newUuid();
  const made = await sql(
    tx,
    `insert into ship_notice (id, customer_id, warehouse_id, reference, expected_at, created_by)
     values ($1, $2, $3, $4, $5, $6) on conflict (customer_id, reference) do nothing returning id`,
    [id, notice.customerId, choice.id, notice.reference, notice.expectedAt, by],
  );
  if (made.length === 0)
    throw new UserMistake([
      {
        code: "ALREADY_EXISTS",
        message: `There is a ship notice ${JSON.stringify(notice.reference)} already.`,
        field: ["reference"],
      },
    ]);
  await sql(
    tx,
    `insert into ship_notice_line (ship_notice_id, item_id, customer_id, position, expected)
     select $1, item, $2, position, expected from unnest($3::uuid[], $4::int[]) with ordinality as l(item, expected, position)`,
    [id, notice.customerId, notice.lines.map((line) => items.get(line.sku)?.id), notice.lines.map((l) => l.quantity)],
  );
  return id;
}

interface Line {
  readonly item_id: string;
  readonly sku: string;
  readonly expected: number;
  readonly received: number;
  readonly damaged: number;
  readonly published: boolean;
  readonly mode: "NEVER" | "ALWAYS" | "PROCESS_ORDERS_ONLY";
}

/**
 * Counts a notice's expected units as available, or no longer; all lines, or only those of `skus`. Lines of items whose policy
 * is NEVER are left unpublished. Repeating it changes nothing.
 */
export async function publishShipNotice(
  tx: Tx,
  by: string,
  input: { readonly shipNoticeId: string; readonly skus: readonly string[] | null; readonly published: boolean },
): Promise<void> {
  const notice = await lockNotice(tx, input.shipNoticeId);
  const mistakes = input.skus?.flatMap((sku, index) =>
    notice.lines.some((line) => line.sku === sku) ? [] : [unknownSku(["skus", String(index)], sku)],
  );
  if (mistakes && mistakes.length > 0) throw new UserMistake(mistakes);
  const chosen = notice.lines.filter(
    (line) =>
      (input.skus === null || input.skus.includes(line.sku)) &&
      line.published !== input.published &&
      (!input.published || mayPublish(line.mode)),
  );
  if (chosen.length === 0) return;
  await sql(tx, `update ship_notice_line set published = $3 where ship_notice_id = $1 and item_id = any($2::uuid[])`, [
    input.shipNoticeId,
    chosen.map((line) => line.item_id),
    input.published,
  ]);
  await applyLevelChanges(tx, by, {
    customerId: notice.customerId,
    trigger: "SHIP_NOTICE",
    reference: notice.reference,
    reason: null,
    changes: chosen.map((line) => ({
      ...levelOf(notice, line),
      publishedInboundDelta: publishedUnits({ ...line, published: input.published }) - publishedUnits(line),
    })),
    pathOf: () => ["shipNoticeId"],
  });
}

/**
 * Puts what arrived on the shelf: good units are sellable, damaged ones on hand but unavailable. Published units that have
 * arrived no longer count as inbound. More than was expected may arrive; receiving again adds.
 */
export async function receiveShipNotice(
  tx: Tx,
  by: string,
  input: {
    readonly shipNoticeId: string;
    readonly lines: readonly {
      readonly sku: string;
      readonly good: number;
      readonly damaged?: number | null | undefined;
    }[];
  },
): Promise<void> {
  const notice = await lockNotice(tx, input.shipNoticeId);
  const mistakes = new MistakeList(["lines"]);
  const bySku = new Map(notice.lines.map((line) => [line.sku, line]));
  checkSkus(input.lines, bySku, mistakes);
  const changes: LevelChange[] = [];
  const arrivals: { item: string; good: number; damaged: number }[] = [];
  for (const [index, receipt] of input.lines.entries()) {
    const line = bySku.get(receipt.sku);
    const damaged = receipt.damaged ?? 0;
    if (receipt.good < 0) mistakes.add(index, "good", "INVALID_QUANTITY", "good is never below 0.");
    if (damaged < 0) mistakes.add(index, "damaged", "INVALID_QUANTITY", "damaged is never below 0.");
    if (receipt.good + damaged === 0)
      mistakes.add(index, "good", "INVALID_QUANTITY", "A receipt is of 1 unit or more, good or damaged.");
    if (!line) continue;
    const after = { ...line, received: line.received + receipt.good, damaged: line.damaged + damaged };
    if (after.received > MAX_QUANTITY || after.damaged > MAX_QUANTITY || receipt.good + damaged > MAX_QUANTITY) {
      mistakes.add(index, "good", "INVALID_QUANTITY", `A line receives at most ${MAX_QUANTITY} units.`);
      continue;
    }
    arrivals.push({ item: line.item_id, good: receipt.good, damaged });
    changes.push({
      ...levelOf(notice, line),
      receipt: receipt.good > 0,
      onHandDelta: receipt.good + damaged,
      unavailableDelta: damaged,
      publishedInboundDelta: publishedUnits(after) - publishedUnits(line),
    });
  }
  mistakes.throwIfAny();
  await sql(
    tx,
    `update ship_notice_line l set received = l.received + a.good, damaged = l.damaged + a.damaged
       from unnest($2::uuid[], $3::int[], $4::int[]) as a(item, good, damaged)
      where l.ship_notice_id = $1 and l.item_id = a.item`,
    [
      input.shipNoticeId,
      arrivals.map((arrival) => arrival.item),
      arrivals.map((arrival) => arrival.good),
      arrivals.map((arrival) => arrival.damaged),
    ],
  );
  await applyLevelChanges(tx, by, {
    customerId: notice.customerId,
    trigger: "STOCK_CHANGE",
    reference: notice.reference,
    reason: null,
    changes,
    pathOf: (item) => ["lines", String(input.lines.findIndex((line) => line.sku === item.sku))],
  });
}

interface LockedNotice {
  readonly customerId: string;
  readonly warehouseId: string;
  readonly reference: string;
  readonly lines: readonly Line[];
  readonly items: ReadonlyMap<string, LockedItem>;
}

/** Locks the notice and the items of its lines, in that order. The notice exists (the caller has checked whose it is). */
async function lockNotice(tx: Tx, id: string): Promise<LockedNotice> {
  const [notice] = await sql<{ customer_id: string; warehouse_id: string; reference: string }>(
    tx,
    `select customer_id, warehouse_id, reference from ship_notice where id = $1 for update`,
    [id],
  );
  if (!notice)
    throw new UserMistake([{ code: "NOT_FOUND", message: "There is no such ship notice.", field: ["shipNoticeId"] }]);
  const lines = await sql<Line>(
    tx,
    `select l.item_id, i.sku, l.expected, l.received, l.damaged, l.published, e.mode
       from ship_notice_line l join item i on i.id = l.item_id join item_effective e on e.item_id = l.item_id
      where l.ship_notice_id = $1 order by l.position`,
    [id],
  );
  const items = await lockItemsById(
    tx,
    lines.map((line) => line.item_id),
  );
  return {
    customerId: notice.customer_id,
    warehouseId: notice.warehouse_id,
    reference: notice.reference,
    lines,
    items,
  };
}

function levelOf(notice: LockedNotice, line: Line): LevelChange {
  const item = notice.items.get(line.item_id);
  if (!item) throw new Error("A ship notice's line names an item that exists: its foreign key says so.");
  return {
    item,
    warehouseId: notice.warehouseId,
    kind: "SHIP_NOTICE",
    receipt: false,
    onHandDelta: 0,
    committedDelta: 0,
    unavailableDelta: 0,
    publishedInboundDelta: 0,
  };
}

function unknownSku(field: readonly string[], sku: string) {
  return { code: "UNKNOWN_SKU", message: `The ship notice has no line of ${JSON.stringify(sku)}.`, field } as const;
}

/** Every line's SKU is known and stands once. */
function checkSkus(
  lines: readonly { readonly sku: string }[],
  known: ReadonlyMap<string, unknown>,
  mistakes: MistakeList,
): void {
  const seen = new Set<string>();
  for (const [index, { sku }] of lines.entries()) {
    if (!known.has(sku))
      mistakes.add(index, "sku", "UNKNOWN_SKU", `There is nothing with the SKU ${JSON.stringify(sku)} here.`);
    else if (seen.has(sku)) mistakes.add(index, "sku", "DUPLICATE_LINE", `${JSON.stringify(sku)} stands twice.`);
    seen.add(sku);
  }
}
