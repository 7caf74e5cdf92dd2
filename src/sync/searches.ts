/** Saved searches: filters of items under names. */
import { newUuid } from "../terms.js";
import { sql, type Tx } from "./sql.js";
import { UserMistake } from "./user-mistake.js";

/** A saved search as it stands. */
export interface SavedSearch {
  readonly id: string;
  readonly customerId: string;
  readonly name: string;
  readonly filter: object;
}

/** Saves a new search, or changes the one with this id. Throws ALREADY_EXISTS. Answers the search's id. */
export async function saveSearch(
  tx: Tx,
  { id, customerId, name, filter }: Omit<SavedSearch, "id"> & { readonly id: string | null },
): Promise<string> {
  const [saved] = await sql<{ id: string }>(
    tx,
    id === null
      ? `insert into search (id, customer_id, name, filter) values ($1, $2, $3, $4) on conflict (customer_id, name) do nothing returning id`
      : `update search s set name = $3, filter = $4, updated_at = now()
          where id = $1 and customer_id = $2
            and not exists (select from search o where o.customer_id = $2 and o.name = $3 and o.id <> s.id) returning id`,
    [id ?? newUuid(), customerId, name, JSON.stringify(filter)],
  );
  if (saved) return saved.id;
  throw new UserMistake([
    { code: "ALREADY_EXISTS", message: "Another search of this customer has this name.", field: ["name"] },
  ]);
}

/** Answers the search as it was; null where there is none (any more). */
export async function deleteSearch(tx: Tx, id: string): Promise<SavedSearch | null> {
  const [deleted] = await sql<SavedSearch>(
    tx,
    `delete from search where id = $1 returning id, customer_id as "customerId", name, filter`,
    [id],
  );
  return deleted ?? null;
}
