/** Rows by the hundred thousand, made in the database itself: what the API would make of them, without its time. */
import type { DataSource } from "typeorm";
import { sealCredentials } from "../src/sync/credentials.js";
import { sql } from "../src/sync/sql.js";
import { newUuid } from "../src/terms.js";
import { BY } from "../test/support/world.js";

export interface Plot {
  readonly customerId: string;
  readonly storeIds: readonly string[];
}

export interface PlotOptions {
  readonly items: number;
  /** Stores of the customer; each lists every item. */
  readonly stores: number;
  /** Of a webhook shop of the sandbox, which all these stores are. */
  readonly shop: { readonly url: string; readonly credentials: Readonly<Record<string, string>> };
  readonly encryptionKey: Buffer;
  /** Units of each item in its one warehouse, `MAIN`; 5 where absent. */
  readonly onHand?: number;
}

/**
 * One customer (mode ALWAYS) with its items `SKU-00000001` …, stores of the WEBHOOK platform and a listing of each item in
 * each store. Every listing is settled: its store was told `onHand`. Its external id is its own key, so that stores may share
 * one shop. The shop itself knows of nothing until it is told.
 */
export async function plant(dataSource: DataSource, options: PlotOptions): Promise<Plot> {
  const { items, stores, shop, encryptionKey, onHand = 5 } = options;
  const customerId = newUuid();
  const warehouseId = newUuid();
  const storeIds = Array.from({ length: stores }, () => newUuid());
  await dataSource.transaction(async (tx) => {
    await sql(
      tx,
      `insert into customer (id, name, sync_mode, sync_updated_by) values ($1, 'A planted customer', 'ALWAYS', $2)`,
      [customerId, BY],
    );
    await sql(tx, `insert into feed (customer_id) values ($1)`, [customerId]);
    await sql(tx, `insert into warehouse (id, customer_id, code, name) values ($1, $2, 'MAIN', 'Main')`, [
      warehouseId,
      customerId,
    ]);
    // Keys in the order in which they are made, as the gateway's own are: an index grows at its end.
    await sql(
      tx,
      `insert into item (id, customer_id, sku, title, on_hand, process_orders, first_received_at, sync_updated_by)
       select overlay($1::uuid::text placing lpad(to_hex(n), 12, '0') from 25)::uuid, $1, 'SKU-' || lpad(n::text, 8, '0'), 'Thing ' || n, $2, true, now(), $3
         from generate_series(1, $4::int) n`,
      [customerId, onHand, BY, items],
    );
    await sql(
      tx,
      `insert into inventory_level (item_id, warehouse_id, customer_id, on_hand)
       select id, $2, $1, $3 from item where customer_id = $1 order by id`,
      [customerId, warehouseId, onHand],
    );
    for (const id of storeIds) {
      const credentials = sealCredentials(encryptionKey, id, shop.credentials);
      await sql(
        tx,
        `insert into store (id, customer_id, name, platform, url, credentials) values ($1, $2, 'A planted store', 'WEBHOOK', $3, $4)`,
        [id, customerId, shop.url, credentials],
      );
      await sql(
        tx,
        `insert into listing (id, customer_id, store_id, item_id, external_id, last_synced_quantity, last_synced_at)
         select id, $1, $2, item_id, id::text, $3, now()
           from (select overlay($2::uuid::text placing lpad(to_hex(row_number() over (order by id)), 12, '0') from 25)::uuid as id, id as item_id
                   from item where customer_id = $1) planted order by planted.id`,
        [customerId, id, onHand],
      );
    }
  });
  return { customerId, storeIds };
}
