import { describe, expect, test } from "vitest";
import { parseConfig, StartRefused } from "./config.js";

const KEY = Buffer.alloc(32, 7).toString("base64");

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    parseConfig(env);
    return [];
  } catch (error) {
    if (error instanceof StartRefused) return error.problems;
    throw error;
  }
}

describe("configuration", () => {
  test("nothing set means embedded: loopback, port 4000, demo and private stores on", () => {
    expect(parseConfig({})).toMatchObject({
      databaseUrl: null,
      dataDir: ".evenkeel",
      host: "127.0.0.1",
      port: 4000,
      demo: true,
      allowPrivateStores: true,
      encryptionKey: null,
    });
  });

  test("with a database of one's own the demo and private stores are off", () => {
    const config = parseConfig({ DATABASE_URL: "postgres://u:p@db/x", EVENKEEL_ENCRYPTION_KEY: KEY });
    expect(config).toMatchObject({ demo: false, allowPrivateStores: false, host: "0.0.0.0" });
    expect(config.encryptionKey).toHaveLength(32);
  });

  test("an empty variable counts as absent", () => {
    expect(parseConfig({ PORT: "", DATABASE_URL: "" }).port).toBe(4000);
  });

  test.each([
    ["PORT", "0"],
    ["PORT", "65536"],
    ["PORT", "4000x"],
    ["PORT", "4e3"],
    ["DATABASE_URL", "mysql://u:p@db/x"],
    ["DATABASE_URL", "db"],
    ["EVENKEEL_OPERATOR_TOKEN", "too-short"],
    ["EVENKEEL_OPERATOR_TOKEN", "with a space in its very midst"],
    ["EVENKEEL_ENCRYPTION_KEY", "c2hvcnQ="],
    ["EVENKEEL_DEMO", "yes"],
    ["EVENKEEL_ALLOW_PRIVATE_STORES", "1"],
    ["EVENKEEL_ROLE", "workers"],
    ["EVENKEEL_QUEUE_URL", "http://redis:6379"],
    ["EVENKEEL_RETENTION_DAYS", "0"],
    ["EVENKEEL_RETENTION_DAYS", "forever"],
    ["LOG_LEVEL", "loud"],
  ])("%s=%s is refused by its name", (name, value) => {
    const problems = problemsOf({ EVENKEEL_ENCRYPTION_KEY: KEY, [name]: value });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(new RegExp(`^${name} must be `));
    expect(problems[0]).not.toContain(value.length > 3 ? value : "\0");
  });

  test("all problems are told together", () => {
    expect(
      problemsOf({ PORT: "x", EVENKEEL_DEMO: "maybe", EVENKEEL_TYPO: "1", DATABASE_URL: "postgres://db/x" }),
    ).toEqual([
      "EVENKEEL_TYPO is not a variable of Evenkeel",
      "PORT must be a port, 1 to 65535",
      "EVENKEEL_DEMO must be on or off",
      "EVENKEEL_ENCRYPTION_KEY is demanded with DATABASE_URL: 32 bytes as base64",
    ]);
  });
});
