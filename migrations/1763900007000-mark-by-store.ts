import type { MigrationInterface, QueryRunner } from "typeorm";

/**
 * A change that concerns a whole customer is marked store by store: each chunk is then read in the order of one index, and a
 * store's catch-up no longer walks all that its customer has due.
 */
export class MarkByStore1763900007000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(UP);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(DOWN);
  }
}

const UP = /* sql */ `
insert into mark_task (customer_id, store_id, catch_up_only, trigger, forget_acknowledged)
  select t.customer_id, s.id, t.catch_up_only, t.trigger, t.forget_acknowledged
    from mark_task t join store s on s.customer_id = t.customer_id
   where t.store_id is null;
delete from mark_task where store_id is null;
alter table mark_task alter column store_id set not null;
drop index listing_catch_up;
create index listing_catch_up on listing (store_id, id) where held or revision > synced_revision;
`;

const DOWN = /* sql */ `
alter table mark_task alter column store_id drop not null;
drop index listing_catch_up;
create index listing_catch_up on listing (customer_id, id) where held or revision > synced_revision;
`;
