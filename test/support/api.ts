/** The API as a gateway process serves it, in this process, on a database of the test's own; and small clients for it. */
import { z } from "zod";
import { createApiToken, createAuthentication, type NewApiToken } from "../../src/access/api-tokens.js";
import { createHttp, forbiddenStoreUrl } from "../../src/platforms/http.js";
import { medusaDriver } from "../../src/platforms/medusa/connector.js";
import { shopifyDriver } from "../../src/platforms/shopify/connector.js";
import { webhookDriver } from "../../src/platforms/webhook/connector.js";
import { woocommerceDriver } from "../../src/platforms/woocommerce/connector.js";
import { buildSchema } from "../../src/resolvers/build-schema.js";
import { startServer } from "../../src/server/server.js";
import { Stops } from "../../src/stops.js";
import { startOutcomeFeed } from "../../src/sync/outcome-feed.js";
import { PostgresLeases } from "../../src/sync/queue/postgres-leases.js";
import { startSyncEngine } from "../../src/sync/sync-engine.js";
import { Scope, uuidOf } from "../../src/terms.js";
import { createTestDatabase, type TestDatabase, testLog } from "./database.js";
import { OPERATOR_TOKEN } from "./gateway.js";
import { until } from "./until.js";

const ENCRYPTION_KEY = Buffer.alloc(32, 7);
const GRACE_MS = 3_000;
const SLOTS = 8;

const ErrorShape = z.looseObject({
  message: z.string(),
  path: z.array(z.union([z.string(), z.number()])).optional(),
  extensions: z.looseObject({ code: z.string() }),
});
const Body = z.object({
  data: z.record(z.string(), z.unknown()).nullish(),
  errors: z.array(ErrorShape).optional(),
});
type ApiBody = z.infer<typeof Body>;

export interface ApiAnswer {
  readonly status: number;
  readonly body: ApiBody;
}

export interface UserError {
  readonly code: string;
  readonly message: string;
  readonly field: readonly string[] | null;
}

export interface TestApi extends AsyncDisposable {
  readonly database: TestDatabase;
  readonly url: string;
  readonly wsUrl: string;
  /** One document over HTTP, whatever comes of it; without a header where `token` is null. */
  query(token: string | null, text: string, variables?: object): Promise<ApiAnswer>;
  /** Its data. Throws where it has errors. As an operator where no token is given. */
  ask<Data>(text: string, variables?: object, token?: string): Promise<Data>;
  /** Calls one mutation with this selection of its payload and its userErrors. As an operator where no token is given. */
  mutate<Payload>(name: string, selection: string, input: object, token?: string): Promise<Mutated<Payload>>;
  /** As mutate, and throws where it has userErrors. */
  change<Payload>(name: string, selection: string, input: object, token?: string): Promise<Payload>;
  /** A customer's token (every customer's where `customerId` is null), as createApiToken makes it. Ids are the API's. */
  token(of: { readonly customerId: string | null } & Partial<Omit<NewApiToken, "customerId">>): Promise<string>;
  /** Awaits the end of an operation. */
  operationEnd(id: string): Promise<OperationEnd>;
}

type Mutated<Payload> = Payload & { readonly userErrors: readonly UserError[] };

interface OperationEnd {
  readonly status: string;
  readonly total: number;
  readonly processed: number;
  readonly counts: readonly { readonly status: string; readonly count: number }[];
  readonly notes: readonly string[];
}

const OPERATION =
  "query ($id: ID!) { operation(id: $id) { status total processed counts { status count } notes finishedAt } }";

/** All of it runs: server, feed, queue and engine, with every platform's own driver. */
export async function startTestApi({
  allowPrivateStores = true,
  /** Row-level security alone keeps customers apart. */
  withoutOwnFilters = false,
  /** On a database whose user may make no role. */
  ofPlainOwner = false,
} = {}): Promise<TestApi> {
  const stops = new Stops();
  const database = await createTestDatabase({ ofPlainOwner });
  stops.add(async () => {
    await database[Symbol.asyncDispose]();
  });
  const { dataSource } = database;
  const log = testLog;
  const hosts = { allowPrivateStores };
  const http = createHttp(hosts);
  stops.add(() => http.close());
  const drivers = new Map(
    [shopifyDriver(http), woocommerceDriver(http), medusaDriver(http), webhookDriver(http)].map((driver) => [
      driver.platform,
      driver,
    ]),
  );
  const feed = startOutcomeFeed({ dataSource, log });
  stops.add(() => feed.stop());
  const queue = new PostgresLeases({ dataSource, databaseUrl: database.url, log, slots: SLOTS });
  const engine = startSyncEngine({ dataSource, queue, feed, drivers, encryptionKey: ENCRYPTION_KEY, log });
  stops.add(() => engine.stop(GRACE_MS));
  const forbiddenUrl = (text: string): string | null => forbiddenStoreUrl(text, hosts);
  const server = await startServer({
    host: "127.0.0.1",
    port: 0,
    schema: buildSchema(),
    services: {
      ...{ dataSource, databases: await database.viewers(), feed, engine, log, withoutOwnFilters },
      stores: { drivers, encryptionKey: ENCRYPTION_KEY, forbiddenUrl },
    },
    authentication: createAuthentication(dataSource, OPERATOR_TOKEN),
  });
  stops.add(() => server.stop({ unreadyMs: 0, graceMs: GRACE_MS }));
  const url = `http://127.0.0.1:${String(server.port)}/graphql`;

  const query: TestApi["query"] = async (token, text, variables = {}) => {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...(token !== null && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify({ query: text, variables }),
    });
    return { status: response.status, body: Body.parse(await response.json()) };
  };
  const ask = async <Data>(text: string, variables: object = {}, token = OPERATOR_TOKEN): Promise<Data> => {
    const { body } = await query(token, text, variables);
    if (body.errors || !body.data) throw new Error(`${text}\n${JSON.stringify(body)}`);
    // What is selected is what comes: graphql-js has checked it against the schema.
    return body.data as Data;
  };
  const mutate: TestApi["mutate"] = async <Payload>(
    name: string,
    selection: string,
    input: object,
    token = OPERATOR_TOKEN,
  ) => {
    const data = await ask<Readonly<Record<string, Mutated<Payload>>>>(mutationText(name, selection), { input }, token);
    const payload = data[name];
    if (!payload) throw new Error(`${name} answered nothing.`);
    return payload;
  };
  return {
    database,
    url,
    wsUrl: url.replace(/^http/, "ws"),
    query,
    ask,
    mutate,
    change: async <Payload>(name: string, selection: string, input: object, token = OPERATOR_TOKEN) => {
      const payload = await mutate<Payload>(name, selection, input, token);
      if (payload.userErrors.length > 0) throw new Error(`${name}: ${JSON.stringify(payload.userErrors)}`);
      return payload;
    },
    token: async ({ customerId, name = "a test", scopes = Object.values(Scope), expiresAt = null }) => {
      const owner = customerId === null ? null : uuidOf("customer", customerId);
      const made = await dataSource.transaction((tx) =>
        createApiToken(tx, { customerId: owner, name, scopes, expiresAt }),
      );
      return made.token;
    },
    operationEnd: (id) =>
      until(async () => {
        const { operation } = await ask<{ operation: OperationEnd & { readonly finishedAt: string | null } }>(
          OPERATION,
          {
            id,
          },
        );
        const { finishedAt, ...end } = operation;
        return finishedAt === null ? null : end;
      }),
    [Symbol.asyncDispose]: () => stops.all(),
  };
}

/** The document of one mutation by its input. */
export function mutationText(name: string, selection: string): string {
  const inputType = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
  return `mutation ($input: ${inputType}!) { ${name}(input: $input) { ${selection} userErrors { code message field } } }`;
}

/** The codes of an answer's errors, in their order. */
export const codesOf = ({ body }: ApiAnswer): readonly string[] =>
  (body.errors ?? []).map((error) => error.extensions.code);
