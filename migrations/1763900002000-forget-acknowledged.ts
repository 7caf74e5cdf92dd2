import type { MigrationInterface, QueryRunner } from "typeorm";

/**
 * A store that moves to another location of its platform: what the old one acknowledged says nothing of the new one, so the
 * wide mark forgets it instead of only forcing a send (which would be compared with the old one's quantity).
 */
export class ForgetAcknowledged1763900002000 implements MigrationInterface {
  async up(db: QueryRunner): Promise<void> {
    await db.query(`alter table mark_task rename column force to forget_acknowledged`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(`alter table mark_task rename column forget_acknowledged to force`);
  }
}
