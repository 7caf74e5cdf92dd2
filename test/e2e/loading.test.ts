/** A page of items costs a fixed number of statements, whatever is selected of each: what is read of many is read at once. */

import type { DataSource, Logger } from "typeorm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAuthentication } from "../../src/access/api-tokens.js";
import { viewerDatabases } from "../../src/access/row-security.js";
import { openDatabase } from "../../src/database.js";
import { buildSchema } from "../../src/resolvers/build-schema.js";
import { startServer } from "../../src/server/server.js";
import { startOutcomeFeed } from "../../src/sync/outcome-feed.js";
import { startTestApi, type TestApi } from "../support/api.js";
import { aMerchant, connectShop, type Merchant } from "../support/api-merchant.js";
import { testLog } from "../support/database.js";
import { startTestShop } from "../support/engine.js";
import { OPERATOR_TOKEN } from "../support/gateway.js";

/** What a pool was asked, in order. */
function countingLogger(statements: string[]): Logger {
  const ignore = (): void => undefined;
  return {
    logQuery: (query) => {
      statements.push(query);
    },
    logQueryError: ignore,
    logQuerySlow: ignore,
    logSchemaBuild: ignore,
    logMigration: ignore,
    log: ignore,
  };
}

interface CountedServer extends AsyncDisposable {
  /** The statements of one document, and its data. */
  run(text: string, variables: object): Promise<{ statements: readonly string[]; data: unknown }>;
}

/** A server with a pool of its own, so that no engine's statements are among those of the request. */
async function startCountedServer(databaseUrl: string): Promise<CountedServer> {
  const statements: string[] = [];
  const dataSource: DataSource = await openDatabase({ url: databaseUrl, log: testLog });
  dataSource.setOptions({ logger: countingLogger(statements), logging: ["query"] });
  const feed = startOutcomeFeed({ dataSource, log: testLog });
  const server = await startServer({
    host: "127.0.0.1",
    port: 0,
    schema: buildSchema(),
    services: {
      dataSource,
      // Asked by an operator only, who has no other connections.
      databases: viewerDatabases({ engine: dataSource, viewers: dataSource, wall: { kind: "NONE" } }),
      feed,
      engine: { hint: () => undefined },
      stores: { drivers: new Map(), encryptionKey: Buffer.alloc(32), forbiddenUrl: () => null },
      log: testLog,
    },
    // The operator's is known without a statement.
    authentication: createAuthentication(dataSource, OPERATOR_TOKEN),
  });
  return {
    run: async (query, variables) => {
      statements.length = 0;
      const response = await fetch(`http://127.0.0.1:${String(server.port)}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${OPERATOR_TOKEN}` },
        body: JSON.stringify({ query, variables }),
      });
      const { data, errors } = (await response.json()) as { data: unknown; errors?: unknown };
      expect(errors).toBeUndefined();
      return { statements: [...statements], data };
    },
    [Symbol.asyncDispose]: async () => {
      await server.stop({ unreadyMs: 0, graceMs: 1_000 });
      await feed.stop();
      await dataSource.destroy();
    },
  };
}

const ITEMS = 100;
let api: TestApi;
let merchant: Merchant;
let server: CountedServer;
beforeAll(async () => {
  api = await startTestApi();
  merchant = await aMerchant(api, { items: ITEMS, onHand: 5 });
  for (const name of ["one", "two", "three"]) {
    await using shop = await startTestShop("WEBHOOK");
    await connectShop(api, merchant, shop, { name });
  }
  server = await startCountedServer(api.database.url);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

/** How often each kind of statement (its beginning) was asked for a page of so many. */
async function kinds(text: string, first: number): Promise<Readonly<Record<string, number>>> {
  const { statements } = await server.run(text, { customerId: merchant.customerId, first });
  const counts: Record<string, number> = {};
  for (const statement of statements) {
    const kind = statement.replace(/\s+/g, " ").slice(0, 80);
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

const LISTING_PAGE = expect.stringMatching(/^select l\.id, array/) as string;
const OUTCOME_PAGE = expect.stringMatching(/^select seq, id, customer_id/) as string;
const HISTORY_PAGE = expect.stringMatching(/^select h\.mode/) as string;

/** Kinds that are asked more often for 100 than for 10, with how often. */
async function growing(text: string): Promise<readonly (readonly [string, number, number])[]> {
  const [few, all] = [await kinds(text, 10), await kinds(text, ITEMS)];
  return Object.entries(all).flatMap(([kind, count]) =>
    count === few[kind] ? [] : [[kind, few[kind] ?? 0, count] as const],
  );
}

const items = (selection: string): string =>
  `query ($customerId: ID!, $first: Int!) { items(customerId: $customerId, first: $first) { nodes { ${selection} } } }`;

describe("of a hundred items as of ten", () => {
  test.each([
    ["words", "id sku title tags available firstReceivedAt"],
    ["customer", "customer { name syncSetting { mode } }"],
    ["setting", "syncSetting { mode updatedBy }"],
    [
      "policy",
      "effectiveSync { decision decidedBy { mode } skips { reason } quantitySteps { label } publishableQuantity }",
    ],
    ["levels", "inventoryLevels { onHand warehouse { code } }"],
  ])("the %s cost the same", async (_, selection) => {
    expect(await growing(items(selection))).toEqual([]);
  });

  test("a dashboard's page costs one statement more for each item, which reads its listings' page, and nothing else", async () => {
    const text = items(`customer { name }
      effectiveSync { decidedBy { mode } skips { reason } }
      listings(first: 3) { nodes { store { name } effectiveSync { decision } lastOutcome { status } } }`);
    expect(await growing(text)).toEqual([[LISTING_PAGE, 10, ITEMS]]);
    const { statements } = await server.run(text, { customerId: merchant.customerId, first: ITEMS });
    expect(statements).toHaveLength(ITEMS + 6);
  });

  test("whatever is behind a listing costs the same", async () => {
    const text = items(`listings(first: 3) { nodes {
      item { sku customer { name } } store { name customer { name } warehouses { code } } syncSetting { mode }
      effectiveSync { decision } lastOutcome { status operation { kind processed counts { count } } }
    } }`);
    expect(await growing(text)).toEqual([[LISTING_PAGE, 10, ITEMS]]);
  });

  test("outcomes and histories cost a page each, and what is behind an outcome costs the same", async () => {
    const text =
      items(`outcomes(first: 2) { nodes { store { name } item { sku } listing { state } operation { kind counts { count } } } }
      syncSetting { history(first: 1) { nodes { mode } } }`);
    const grown = await growing(text);
    expect(grown).toEqual(
      expect.arrayContaining([
        [OUTCOME_PAGE, 10, ITEMS],
        [HISTORY_PAGE, 10, ITEMS],
      ]),
    );
    expect(grown).toHaveLength(2);
  });
});

test("of a hundred outcomes as of ten, whatever is behind them costs the same", async () => {
  const text = `query ($customerId: ID!, $first: Int!) { outcomes(customerId: $customerId, first: $first) { nodes {
    store { name warehouses { code } } item { sku effectiveSync { decision } } listing { state effectiveSync { decision } lastOutcome { status } }
    operation { kind processed counts { status count } }
  } } }`;
  expect(await growing(text)).toEqual([]);
});

test("totalCount costs a statement only where it is selected", async () => {
  const count = async (selection: string) =>
    Object.values(
      await kinds(
        `query ($customerId: ID!, $first: Int!) { items(customerId: $customerId, first: $first) { ${selection} } }`,
        10,
      ),
    ).reduce((sum, one) => sum + one, 0);
  expect(await count("nodes { id } totalCount")).toBe((await count("nodes { id }")) + 1);
});

test("what a mutation answers is read as a query reads it", async () => {
  const mutation = (lines: number) =>
    server.run(
      "mutation ($input: SetInventoryInput!) { setInventory(input: $input) { items { sku customer { name } effectiveSync { decision } inventoryLevels { warehouse { code } } } userErrors { code } } }",
      {
        input: {
          customerId: merchant.customerId,
          lines: merchant.skus.slice(0, lines).map((sku) => ({ sku, onHand: 7 })),
        },
      },
    );
  const [few, all] = [await mutation(10), await mutation(ITEMS)];
  expect(all.statements).toHaveLength(few.statements.length);
});
