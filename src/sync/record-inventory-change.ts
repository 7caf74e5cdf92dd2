/**
 * ① The warehouse's acts: receive, adjust, set, commit, ship. Each checks all its lines, then applies all or none.
 */
import { MAX_QUANTITY, type UserErrorCode } from "../terms.js";
import { applyLevelChanges, type LevelChange } from "./apply-level-changes.js";
import { MistakeList } from "./mistake-list.js";
import type { Tx } from "./sql.js";
import { type Level, type LockedItem, lockItemsBySku, readLevels } from "./stock-reading.js";
import { chooseWarehouse, findWarehouses, type WarehouseChoice } from "./warehouses.js";

export interface StockLine {
  readonly sku: string;
  /** A warehouse's code; the customer's only warehouse where absent. */
  readonly warehouse?: string | null | undefined;
}
export interface QuantityLine extends StockLine {
  readonly quantity: number;
}
export interface AdjustLine extends StockLine {
  readonly onHandDelta?: number | null | undefined;
  readonly unavailableDelta?: number | null | undefined;
}
export interface SetLine extends StockLine {
  readonly onHand?: number | null | undefined;
  readonly unavailable?: number | null | undefined;
  readonly ifOnHand?: number | null | undefined;
}

export interface InventoryChange<Line extends StockLine> {
  readonly customerId: string;
  readonly lines: readonly Line[];
  readonly reference?: string | null | undefined;
  readonly reason?: string | null | undefined;
}

/** A mistake in one line: which of its fields, and the rule it breaks. */
interface LineMistake {
  readonly code: UserErrorCode;
  readonly field: string;
  readonly message: string;
}

type LineResult = Pick<LevelChange, "kind" | "receipt"> & Partial<LevelChange>;

/** Units put on the shelf: 1 … MAX_QUANTITY a line. Answers the changed items' ids in the order of the lines, as do all below. */
export function receiveInventory(
  tx: Tx,
  by: string,
  change: InventoryChange<QuantityLine>,
): Promise<readonly string[]> {
  return applyLines(tx, by, change, (line) =>
    line.quantity < 1
      ? { code: "INVALID_QUANTITY", field: "quantity", message: "A receipt is of 1 unit or more." }
      : { kind: "RECEIVE", receipt: true, onHandDelta: line.quantity },
  );
}

/** Signed corrections of onHand or unavailable; neither may fall below 0. */
export function adjustInventory(tx: Tx, by: string, change: InventoryChange<AdjustLine>): Promise<readonly string[]> {
  return applyLines(tx, by, change, (line) => {
    const onHandDelta = line.onHandDelta ?? 0;
    const unavailableDelta = line.unavailableDelta ?? 0;
    return onHandDelta === 0 && unavailableDelta === 0
      ? { code: "INVALID_QUANTITY", field: "onHandDelta", message: "An adjustment changes onHand or unavailable." }
      : { kind: "ADJUST", receipt: false, onHandDelta, unavailableDelta };
  });
}

/** Absolute levels. A line whose `ifOnHand` is not the level's onHand is STALE_QUANTITY, with the current value in its words. */
export function setInventory(tx: Tx, by: string, change: InventoryChange<SetLine>): Promise<readonly string[]> {
  return applyLines(tx, by, change, (line, level, item) => {
    if (line.onHand == null && line.unavailable == null)
      return { code: "INVALID_INPUT", field: "onHand", message: "Give onHand, unavailable or both." };
    if ((line.onHand ?? 0) < 0)
      return { code: "INVALID_QUANTITY", field: "onHand", message: "onHand is never below 0." };
    if ((line.unavailable ?? 0) < 0)
      return { code: "INVALID_QUANTITY", field: "unavailable", message: "unavailable is never below 0." };
    if (line.ifOnHand != null && line.ifOnHand !== level.on_hand)
      return {
        code: "STALE_QUANTITY",
        field: "ifOnHand",
        message: `onHand is ${level.on_hand} now, not ${line.ifOnHand}.`,
      };
    return {
      kind: "SET",
      // The first onHand above 0 is the item's first receipt (design §2 "Received"): a customer who loads opening levels
      // this way starts as one who receives them.
      receipt: item.first_received_at === null && (line.onHand ?? 0) > 0,
      onHandDelta: line.onHand == null ? 0 : line.onHand - level.on_hand,
      unavailableDelta: line.unavailable == null ? 0 : line.unavailable - level.unavailable,
    };
  });
}

/** Units promised to (positive) or released from (negative) open orders. */
export function commitInventory(tx: Tx, by: string, change: InventoryChange<QuantityLine>): Promise<readonly string[]> {
  return applyLines(tx, by, change, (line) =>
    line.quantity === 0
      ? {
          code: "INVALID_QUANTITY",
          field: "quantity",
          message: "A commitment is of 1 unit or more, a release of −1 or less.",
        }
      : { kind: "COMMIT", receipt: false, committedDelta: line.quantity },
  );
}

/** Committed units leave the shelf: onHand and committed both fall. */
export function shipInventory(tx: Tx, by: string, change: InventoryChange<QuantityLine>): Promise<readonly string[]> {
  return applyLines(tx, by, change, (line) =>
    line.quantity < 1
      ? { code: "INVALID_QUANTITY", field: "quantity", message: "A shipment is of 1 unit or more." }
      : { kind: "SHIP", receipt: false, onHandDelta: -line.quantity, committedDelta: -line.quantity },
  );
}

async function applyLines<Line extends StockLine>(
  tx: Tx,
  by: string,
  change: InventoryChange<Line>,
  toChange: (line: Line, level: Level, item: LockedItem) => LineResult | LineMistake,
): Promise<readonly string[]> {
  const mistakes = new MistakeList(["lines"]);
  const choices = await chooseWarehouses(tx, change, mistakes);
  const items = await lockItemsBySku(
    tx,
    change.customerId,
    change.lines.map((line) => line.sku),
  );
  const levels = await readLevels(
    tx,
    [...items.values()].map((item) => item.id),
  );
  const seen = new Set<string>();
  const changes: LevelChange[] = [];
  for (const [index, line] of change.lines.entries()) {
    const item = items.get(line.sku);
    if (!item) mistakes.add(index, "sku", "UNKNOWN_SKU", `There is no item with the SKU ${JSON.stringify(line.sku)}.`);
    const warehouseId = choices[index];
    if (!item || !warehouseId) continue;
    const key = `${item.id} ${warehouseId}`;
    if (seen.has(key)) {
      mistakes.add(index, "sku", "DUPLICATE_LINE", `${JSON.stringify(line.sku)} stands twice for one warehouse.`);
      continue;
    }
    seen.add(key);
    const level = levels.of(item.id, warehouseId);
    const result = toChange(line, level, item);
    if ("code" in result) {
      mistakes.add(index, result.field, result.code, result.message);
      continue;
    }
    const rule = brokenRule(level, result);
    if (rule) mistakes.add(index, rule.field, "INVALID_QUANTITY", rule.message);
    changes.push({
      item,
      warehouseId,
      onHandDelta: 0,
      committedDelta: 0,
      unavailableDelta: 0,
      publishedInboundDelta: 0,
      ...result,
    });
  }
  mistakes.throwIfAny();
  await applyLevelChanges(tx, by, {
    customerId: change.customerId,
    trigger: "STOCK_CHANGE",
    reference: change.reference ?? null,
    reason: change.reason ?? null,
    changes,
    pathOf: (item) => ["lines", String(change.lines.findIndex((line) => line.sku === item.sku))],
  });
  return [...new Set(changes.map((one) => one.item.id))];
}

async function chooseWarehouses(
  tx: Tx,
  change: InventoryChange<StockLine>,
  mistakes: MistakeList,
): Promise<readonly (string | null)[]> {
  const warehouses = await findWarehouses(tx, change.customerId);
  return change.lines.map((line, index) => {
    const choice: WarehouseChoice = chooseWarehouse(warehouses, line.warehouse ?? null);
    if ("id" in choice) return choice.id;
    mistakes.add(index, "warehouse", choice.code, choice.message);
    return null;
  });
}

/** onHand, committed and unavailable of a level are never below 0 and never above MAX_QUANTITY. */
function brokenRule(level: Level, change: Partial<LevelChange>): { field: string; message: string } | null {
  const after = [
    ["onHand", level.on_hand, change.onHandDelta ?? 0],
    ["committed", level.committed, change.committedDelta ?? 0],
    ["unavailable", level.unavailable, change.unavailableDelta ?? 0],
  ] as const;
  for (const [name, before, delta] of after) {
    const now = before + delta;
    if (now < 0)
      return {
        field: lineField(change.kind, name),
        message: `${name} would be ${now}; it is ${before} and is never below 0.`,
      };
    if (now > MAX_QUANTITY)
      return {
        field: lineField(change.kind, name),
        message: `${name} would be ${now}, above the most of ${MAX_QUANTITY}.`,
      };
  }
  return null;
}

/** The field of the line that says so much of this. */
function lineField(kind: LevelChange["kind"] | undefined, name: "onHand" | "committed" | "unavailable"): string {
  if (kind === "ADJUST") return name === "unavailable" ? "unavailableDelta" : "onHandDelta";
  if (kind === "SET") return name === "unavailable" ? "unavailable" : "onHand";
  return "quantity";
}
