/** Customers, warehouses and items: what stock is kept of, and where. */
import { newUuid, type ProcessOrdersManagement, type SyncMode } from "../terms.js";
import { MistakeList } from "./mistake-list.js";
import { sql, type Tx } from "./sql.js";
import { UserMistake } from "./user-mistake.js";

export interface NewCustomer {
  readonly name: string;
  /** The caller's own key of the customer; unique where given. */
  readonly externalRef: string | null;
  readonly syncMode: SyncMode;
  readonly processOrdersManagement: ProcessOrdersManagement;
}

/** Makes a customer with its feed. Answers its id. */
export async function createCustomer(tx: Tx, by: string, customer: NewCustomer): Promise<string> {
  const id = newUuid();
  const made = await sql(
    tx,
    `insert into customer (id, name, external_ref, sync_mode, process_orders_management, sync_updated_by)
     values ($1, $2, $3, $4, $5, $6) on conflict (external_ref) do nothing returning id`,
    [id, customer.name, customer.externalRef, customer.syncMode, customer.processOrdersManagement, by],
  );
  if (made.length === 0)
    throw new UserMistake([
      {
        code: "ALREADY_EXISTS",
        message: `There is a customer with the externalRef ${JSON.stringify(customer.externalRef)} already.`,
        field: ["externalRef"],
      },
    ]);
  await sql(tx, `insert into feed (customer_id) values ($1)`, [id]);
  return id;
}

/** Makes a warehouse; its code is unique among the customer's. Answers its id. */
export async function createWarehouse(
  tx: Tx,
  warehouse: { readonly customerId: string; readonly code: string; readonly name: string },
): Promise<string> {
  const id = newUuid();
  const made = await sql(
    tx,
    `insert into warehouse (id, customer_id, code, name) values ($1, $2, $3, $4)
     on conflict (customer_id, code) do nothing returning id`,
    [id, warehouse.customerId, warehouse.code, warehouse.name],
  );
  if (made.length === 0)
    throw new UserMistake([
      {
        code: "ALREADY_EXISTS",
        message: `There is a warehouse ${JSON.stringify(warehouse.code)} already.`,
        field: ["code"],
      },
    ]);
  return id;
}

export interface ItemToUpsert {
  readonly sku: string;
  readonly title: string;
  /** Kept as it is where absent, removed where null. */
  readonly barcode?: string | null | undefined;
  /** Kept as they are where absent. */
  readonly tags?: readonly string[] | null | undefined;
}

/** Makes items or changes their words; stock and settings stay. Answers their ids in the order given. */
export async function upsertItems(
  tx: Tx,
  by: string,
  input: { readonly customerId: string; readonly items: readonly ItemToUpsert[] },
): Promise<readonly string[]> {
  const mistakes = new MistakeList(["items"]);
  const seen = new Set<string>();
  for (const [index, { sku }] of input.items.entries()) {
    if (seen.has(sku)) mistakes.add(index, "sku", "DUPLICATE_LINE", `${JSON.stringify(sku)} stands twice.`);
    seen.add(sku);
  }
  mistakes.throwIfAny();
  // In the order of ids, as every change of stock locks them.
  await sql(tx, `select id from item where customer_id = $1 and sku = any($2::text[]) order by id for update`, [
    input.customerId,
    [...seen],
  ]);
  const rows = await sql<{ id: string; sku: string }>(
    tx,
    /* sql */ `
    insert into item as i (id, customer_id, sku, title, barcode, tags, sync_updated_by)
    select id, $1, sku, title, barcode, coalesce(array(select jsonb_array_elements_text(tags)), '{}'), $2
      from unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::jsonb[]) as n(id, sku, title, barcode, tags)
     order by sku
    on conflict (customer_id, sku) do update set
      title = excluded.title,
      barcode = case when i.sku = any($8::text[]) then excluded.barcode else i.barcode end,
      tags = case when i.sku = any($9::text[]) then excluded.tags else i.tags end,
      updated_at = now()
    returning i.id, i.sku`,
    [
      input.customerId,
      by,
      input.items.map(() => newUuid()),
      input.items.map((item) => item.sku),
      input.items.map((item) => item.title),
      input.items.map((item) => item.barcode ?? null),
      input.items.map((item) => JSON.stringify(item.tags ?? [])),
      input.items.filter((item) => item.barcode !== undefined).map((item) => item.sku),
      input.items.filter((item) => item.tags != null).map((item) => item.sku),
    ],
  );
  const idBySku = new Map(rows.map((row) => [row.sku, row.id]));
  return input.items.flatMap((item) => idBySku.get(item.sku) ?? []);
}
