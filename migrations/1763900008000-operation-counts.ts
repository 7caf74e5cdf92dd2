import type { MigrationInterface, QueryRunner } from "typeorm";

/**
 * An operation's answers are counted as they come: its progress is read at the same cost however large it is. Whoever counts
 * holds the customer's feed row, so these rows are nobody's bottleneck.
 */
export class OperationCounts1763900008000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(UP);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`drop table operation_count`);
  }
}

const UP = /* sql */ `
create table operation_count (
  operation_id uuid not null references operation on delete cascade,
  customer_id uuid not null references customer,
  status text not null,
  -- Listings whose final outcome was this.
  count integer not null,
  primary key (operation_id, status)
) with (fillfactor = 50);
insert into operation_count (operation_id, customer_id, status, count)
  select operation_id, customer_id, status, count(*) from operation_listing where status is not null
   group by operation_id, customer_id, status;
`;
