import type { MigrationInterface, QueryRunner } from "typeorm";

/** Finished operations are looked for by their age. */
export class Retention1763900006000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`create index operation_finished on operation (finished_at) where finished_at is not null`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`drop index operation_finished`);
  }
}
