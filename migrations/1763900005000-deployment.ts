import type { MigrationInterface, QueryRunner } from "typeorm";

/** A name of the database's own, for what it shares a server with others (the queue on Redis). */
export class Deployment1763900005000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      create table deployment (
        id uuid primary key default gen_random_uuid(),
        is_the_one boolean not null default true unique check (is_the_one)
      );
      insert into deployment default values;
    `);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`drop table deployment`);
  }
}
