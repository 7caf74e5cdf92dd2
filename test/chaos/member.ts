/** One gateway process with its place: whatever happens to it, it comes back at the same port. */
import { setTimeout as delay } from "node:timers/promises";
import { aGateway, freePort, type RunningGateway } from "../support/gateway.js";
import type { Span } from "./history.js";

type Env = Readonly<Record<string, string>>;

/** The database may be down while it starts: a supervisor tries again. */
const STARTS_MOST = 40;

export class Member {
  readonly freezes: Span[] = [];
  /** Ends that nobody asked for. */
  readonly surprises: string[] = [];
  kills = 0;
  #output = "";
  #ending = false;

  private constructor(
    readonly name: string,
    private readonly env: Env,
    private gateway: RunningGateway,
  ) {
    this.#watch();
  }

  static async start(name: string, env: Env): Promise<Member> {
    const placed = { ...env, PORT: String(await freePort()) };
    return new Member(name, placed, await aGateway({ env: placed }));
  }

  /** The newest process of this place; its url and functions are valid after each restart. */
  get process(): RunningGateway {
    return this.gateway;
  }

  /** What all its processes have printed. */
  get output(): string {
    return this.#output + this.gateway.output();
  }

  /** kill -9, and a start after so long. */
  async crash(downMs: number): Promise<void> {
    this.kills += 1;
    await this.#kill();
    await delay(downMs);
    await this.#restart();
  }

  /** SIGSTOP, and SIGCONT after so long or when the signal is aborted. */
  async freeze(ms: number, signal: AbortSignal): Promise<void> {
    const fromMs = performance.now();
    this.gateway.process.kill("SIGSTOP");
    await delay(ms, undefined, { signal }).catch(() => undefined);
    this.gateway.process.kill("SIGCONT");
    this.freezes.push({ fromMs, toMs: performance.now() });
  }

  async end(): Promise<void> {
    await this.#kill();
  }

  async #kill(): Promise<void> {
    this.#ending = true;
    await this.gateway.kill();
  }

  async #restart(): Promise<void> {
    this.#output += this.gateway.output();
    for (let start = 1; ; start += 1)
      try {
        this.gateway = await aGateway({ env: this.env });
        break;
      } catch (error) {
        if (start >= STARTS_MOST) throw error;
        await delay(250);
      }
    this.#ending = false;
    this.#watch();
  }

  #watch(): void {
    const { gateway } = this;
    void gateway.process.then(({ exitCode, signal }) => {
      if (this.#ending) return;
      const tail = gateway.output().trim().split("\n").slice(-5).join("\n");
      this.surprises.push(`${this.name} ended by itself (${String(exitCode ?? signal)}):\n${tail}`);
      // The run goes on, so that it tells what else there is.
      void this.#restart().catch(() => undefined);
    });
  }
}
