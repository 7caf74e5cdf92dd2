/**
 * What row-level security costs whoever asks: the time of a request of a customer's token, one at a time. The control is the
 * same request of the same token where the gateway's own conditions alone keep customers apart, in turns with it.
 *
 * `changing` is the worst there is: two customers in turns on a pool of one connection, which is told anew whose it is at each.
 */
import { randomBytes } from "node:crypto";
import { createApiToken, createAuthentication } from "../src/access/api-tokens.js";
import { type ViewerDatabases, viewerDatabases } from "../src/access/row-security.js";
import { migrate, openDatabase } from "../src/database.js";
import { createLog } from "../src/log.js";
import { buildSchema } from "../src/resolvers/build-schema.js";
import { startServer } from "../src/server/server.js";
import { startOutcomeFeed } from "../src/sync/outcome-feed.js";
import { sql } from "../src/sync/sql.js";
import { Scope, toGlobalId } from "../src/terms.js";
import { startTestPostgres } from "../test/support/postgres-setup.js";
import { plant } from "./plant.js";
import { type Bench, type Figure, median } from "./report.js";

const NO_SHOP = { url: "http://127.0.0.1:9", credentials: { secret: "none" } };
const PAGE = `query ($c: ID!, $n: Int!) { items(customerId: $c, first: $n) { nodes {
  sku available effectiveSync { decision publishableQuantity }
  listings(first: 3) { nodes { state store { name } lastOutcome { status } effectiveSync { decision } } } } } }`;
const SEARCH = `query ($c: ID!, $n: Int!) { items(customerId: $c, first: $n, filter: { query: "thing 1234" }) { nodes { sku } } }`;
const RECEIVE = `mutation ($c: ID!, $n: Int!) { receiveInventory(input: { customerId: $c, lines: [{ sku: "SKU-00000001", quantity: $n }] }) {
  changedCount userErrors { code } } }`;

type Ask = (of: number, query: string, n: number) => Promise<number>;

export const wall: Bench = async ({ listings, samples }, { stops, note }) => {
  const postgres = await startTestPostgres();
  stops.add(postgres.stop);
  const log = createLog("warn");
  const dataSource = await openDatabase({ url: postgres.url, log });
  stops.add(() => dataSource.destroy());
  const standing = await migrate(dataSource, postgres.url);
  note(`plants 2 customers of ${String(listings)} items in a store`);
  const tokens: { readonly customer: string; readonly token: string }[] = [];
  for (let customer = 0; customer < 2; customer += 1) {
    const options = { items: listings, stores: 1, shop: NO_SHOP, encryptionKey: randomBytes(32) };
    const { customerId } = await plant(dataSource, options);
    const of = { customerId, name: "bench", scopes: Object.values(Scope), expiresAt: null };
    const { token } = await dataSource.transaction((tx) => createApiToken(tx, of));
    tokens.push({ customer: toGlobalId("customer", customerId), token });
  }
  await sql(dataSource, "vacuum (analyze)");

  const serve = async (databases: ViewerDatabases): Promise<Ask> => {
    const feed = startOutcomeFeed({ dataSource, log });
    stops.add(() => feed.stop());
    const server = await startServer({
      ...{ host: "127.0.0.1", port: 0, schema: buildSchema() },
      services: {
        ...{ dataSource, databases, feed, log, engine: { hint: () => undefined } },
        stores: { drivers: new Map(), encryptionKey: randomBytes(32), forbiddenUrl: () => null },
      },
      authentication: createAuthentication(dataSource, null),
    });
    stops.add(() => server.stop({ unreadyMs: 0, graceMs: 1_000 }));
    return async (of, query, n) => {
      const { customer, token } = tokens[of] ?? { customer: "", token: "" };
      const began = performance.now();
      const response = await fetch(`http://127.0.0.1:${String(server.port)}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
        body: JSON.stringify({ query, variables: { c: customer, n } }),
      });
      const text = await response.text();
      const tookMs = performance.now() - began;
      if (text.includes('"errors"')) throw new Error(text);
      return tookMs;
    };
  };
  const walled = async (poolSize: number): Promise<ViewerDatabases> => {
    const viewers = await openDatabase({ url: postgres.url, log, poolSize });
    stops.add(() => viewers.destroy());
    return viewerDatabases({ engine: dataSource, viewers, wall: standing });
  };
  /** As operators ask, for everyone: on a pool of the same size. */
  const open = async (poolSize: number): Promise<ViewerDatabases> => {
    const engine = await openDatabase({ url: postgres.url, log, poolSize });
    stops.add(() => engine.destroy());
    const databases = viewerDatabases({ engine, viewers: engine, wall: { kind: "NONE" } });
    return { of: () => databases.of({ customerId: null }) };
  };

  const figures: Omit<Figure, "bench">[] = [];
  const measure = async (metric: string, poolSize: number, customers: number, query: string, n: number) => {
    note(metric);
    const [behind, without] = [await serve(await walled(poolSize)), await serve(await open(poolSize))];
    const [times, control]: [number[], number[]] = [[], []];
    for (let index = 0; index < samples + WARM_UP; index += 1) {
      const [one, other] = [await behind(index % customers, query, n), await without(index % customers, query, n)];
      if (index >= WARM_UP) {
        times.push(one);
        control.push(other);
      }
    }
    figures.push({ metric, unit: "ms", value: median(times), control: median(control) });
  };
  for (const n of [1, 50, 250]) await measure(`page of ${String(n)}`, 10, 1, PAGE, n);
  await measure("page of 1, changing", 1, 2, PAGE, 1);
  await measure("page of 50, changing", 1, 2, PAGE, 50);
  await measure("search", 10, 1, SEARCH, 50);
  await measure("receiveInventory", 10, 1, RECEIVE, 1);
  return figures;
};

const WARM_UP = 20;
