/** `npm start`: reads the environment, starts a gateway, says what a newcomer needs next, and stops at a signal. */
import { findProblems } from "./before-start.js";
import { type Config, parseConfig, StartRefused } from "./config.js";
import { EmbeddedPostgresProblem } from "./embedded-postgres.js";
import { type Gateway, startGateway } from "./gateway.js";
import { createLog } from "./log.js";

/**
 * Whatever hangs, Ctrl-C ends within 5 s: the embedded database then recovers at the next start. One of several processes on
 * a database of one's own has 25 s, so that a rolling restart loses nothing.
 */
const FORCED_EXIT_MS = { embedded: 4_800, ownDatabase: 24_000 };

async function main(): Promise<void> {
  const config = await checkedConfig();
  const log = createLog(config.logLevel);
  const starting = startGateway(config, log);
  const stop = (signal: NodeJS.Signals): void => {
    process.stdout.write(`${signal}: stopping …\n`);
    const { embedded, ownDatabase } = FORCED_EXIT_MS;
    setTimeout(() => process.exit(1), config.databaseUrl === null ? embedded : ownDatabase).unref();
    starting
      .then((gateway) => gateway.stop())
      .then(
        () => process.exit(0),
        (error: unknown) => {
          log.error({ err: error }, "stopping failed");
          process.exit(1);
        },
      );
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, stop);
  process.stdout.write(greeting(config, await starting));
}

/** Throws StartRefused with all that is wrong: what is malformed, and what is not there, together. */
async function checkedConfig(): Promise<Config> {
  try {
    const config = parseConfig(process.env);
    const problems = await findProblems(config);
    if (problems.length > 0) throw new StartRefused(problems);
    return config;
  } catch (error) {
    if (!(error instanceof StartRefused) || error.untried === null) throw error;
    throw new StartRefused([...error.problems, ...(await findProblems(error.untried))]);
  }
}

function greeting(config: Config, { port, demo }: Gateway): string {
  const url = `http://${config.host === "0.0.0.0" ? "127.0.0.1" : config.host}:${String(port)}`;
  const lines = [
    "",
    "Evenkeel is ready.",
    "",
    ...(config.role === "worker" ? [] : [`  GraphQL   ${url}/graphql  (HTTP and WebSocket)`]),
    `  health    ${url}/readyz`,
  ];
  if (!demo) return [...lines, "", ""].join("\n");
  const query = `{ items(customerId: \\"${demo.customerId}\\", first: 3) { nodes { sku available effectiveSync { decision publishableQuantity } } } }`;
  return [
    ...lines,
    ...demo.shops.map((shop) => `  sandbox   ${shop.url}  ${shop.name}`),
    "",
    `  demo token  ${demo.token}  (Harbor & Pine)`,
    "",
    "Ask (paste into another terminal):",
    "",
    `  curl -s ${url}/graphql -H 'content-type: application/json' -H 'authorization: Bearer ${demo.token}' \\`,
    `    -d '{"query":"${query}"}'`,
    "",
    "Watch every outcome live:",
    "",
    `  npm run --silent watch -- ${url}/graphql ${demo.token} ${demo.customerId}`,
    "",
    "Ctrl-C ends it; the data stays in .evenkeel/.",
    "",
    "",
  ].join("\n");
}

/** A start that is refused says why, without a stack: its reader is to mend the environment, not the code. */
function refusal(error: unknown): string {
  if (error instanceof StartRefused)
    return `Evenkeel cannot start:\n${error.problems.map((problem) => `  - ${problem}\n`).join("")}`;
  if (error instanceof EmbeddedPostgresProblem) return `Evenkeel cannot start:\n  - ${error.message}\n`;
  return `Evenkeel cannot start: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`;
}

main().catch((error: unknown) => {
  process.stderr.write(refusal(error));
  process.exit(1);
});
