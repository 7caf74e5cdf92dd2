import { type TestApi } from "./api.js";
import { rows } from "./api-merchant.js";

/** What the API's users have made or changed; not what the engine notes for itself while it works. */
const TABLES = [
  "customer",
  "warehouse",
  "item",
  "inventory_level",
  "inventory_movement",
  "ship_notice",
  "ship_notice_line",
  "setting_change",
  "store",
  "store_warehouse",
  "listing",
  "search",
  "operation",
  "operation_item",
  "operation_listing",
  "mark_task",
  "outcome",
  "idempotency",
] as const;

/** Table → a digest of all its rows: equal where nothing was changed. The engine is idle. */
export async function fingerprint(api: TestApi): Promise<Readonly<Record<string, string>>> {
  const digests = TABLES.map(
    (table) =>
      `select '${table}' as name, md5(coalesce(string_agg(t::text, '|' order by t::text), '')) as digest from ${table} t`,
  );
  // When a token was last used is noted at its every use.
  digests.push(
    `select 'api_token', md5(coalesce(string_agg((to_jsonb(t) - 'last_used_at')::text, '|' order by t.id), '')) from api_token t`,
  );
  const found = await rows<{ name: string; digest: string }>(api, digests.join(" union all "));
  return Object.fromEntries(found.map(({ name, digest }) => [name, digest]));
}
