import type { MigrationInterface, QueryRunner } from "typeorm";

/** What `retryFailed` and a store's health look for must not be a walk over the tables. */
export class FailedAndHealth1763900003000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(UP);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`drop index listing_parked; drop index outcome_store`);
  }
}

const UP = /* sql */ `
create index listing_parked on listing (customer_id, store_id) where parked_code is not null;
create index outcome_store on outcome (store_id, occurred_at desc);
`;
