import type { UserErrorCode } from "../terms.js";
import { hotSql, type Tx } from "./sql.js";

/** The customer's warehouses: code → row key. */
export async function findWarehouses(tx: Tx, customerId: string): Promise<ReadonlyMap<string, string>> {
  const rows = await hotSql<{ id: string; code: string }>(tx, `select id, code from warehouse where customer_id = $1`, [
    customerId,
  ]);
  return new Map(rows.map((row) => [row.code, row.id]));
}

export type WarehouseChoice = { readonly id: string } | { readonly code: UserErrorCode; readonly message: string };

/** The warehouse with this code; where none is named, the customer's only one. */
export function chooseWarehouse(warehouses: ReadonlyMap<string, string>, code: string | null): WarehouseChoice {
  if (code !== null) {
    const id = warehouses.get(code);
    return id ? { id } : { code: "UNKNOWN_WAREHOUSE", message: `There is no warehouse ${JSON.stringify(code)}.` };
  }
  const [only, ...others] = warehouses.values();
  if (only === undefined) return { code: "UNKNOWN_WAREHOUSE", message: "The customer has no warehouse yet." };
  if (others.length > 0)
    return { code: "AMBIGUOUS_WAREHOUSE", message: "The customer has several warehouses: name one by its code." };
  return { id: only };
}
