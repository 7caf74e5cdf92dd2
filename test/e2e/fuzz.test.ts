/** Whatever a sender makes of the schema, no request fails for a reason of ours. */
import type { GraphQLField } from "graphql";
import { expect, test } from "vitest";
import { buildSchema } from "../../src/resolvers/build-schema.js";
import { parseGlobalId } from "../../src/terms.js";
import type { TestApi } from "../support/api.js";
import { aMerchant, connectShop } from "../support/api-merchant.js";
import { setMistakeStage } from "../support/mistake.js";
import { randomOf, seed } from "../support/random.js";
import { type Pools, randomDocument } from "../support/random-document.js";

/** For each root field. */
const DOCUMENTS = 14;

async function poolsOf(api: TestApi, customerId: string): Promise<Pools> {
  const found = JSON.stringify(
    await api.ask(
      `query ($customerId: ID!) {
         customers { nodes { id syncSetting { id } stores { nodes { id } } } edges { cursor } }
         warehouses(customerId: $customerId) { id }
         items(customerId: $customerId) { nodes { id syncSetting { id } listings(first: 2) { nodes { id } edges { cursor } } } edges { cursor } }
         byTime: items(customerId: $customerId, orderBy: { field: UPDATED_AT }) { edges { cursor } }
         operations(customerId: $customerId) { nodes { id } }
         outcomes(customerId: $customerId) { nodes { id } edges { cursor } }
       }`,
      { customerId },
    ),
  );
  const all = (key: string): string[] =>
    [...found.matchAll(new RegExp(`"${key}":"([^"]+)"`, "g"))].map((match) => match[1] ?? "");
  const ids = all("id");
  const nobody = ids.flatMap((id) => {
    const parsed = parseGlobalId(id);
    return parsed ? id.replace(/.$/, (last) => (last === "0" ? "1" : "0")) : [];
  });
  const texts = [
    "",
    " ",
    "x",
    "SKU-0000",
    "SKU-0001",
    "EAST",
    "ASN",
    "a\0b",
    "half \ud83d",
    "🎩",
    "%_\\",
    "'; --",
    "x".repeat(600),
  ];
  return {
    ids: [...ids, ...nobody, "", "garbage", "item_", "item_\0", "x".repeat(200)],
    texts: [...texts, ...all("cursor"), "http://127.0.0.1:9", "http://[", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
  };
}

test(`no INTERNAL_SERVER_ERROR for any root field (TEST_SEED=${String(seed)})`, async () => {
  await using stage = await setMistakeStage();
  const { api } = stage;
  const other = await aMerchant(api, { items: 1, onHand: 1 });
  await connectShop(api, other, stage.shop, { name: "Of another" });
  const pools = await poolsOf(api, stage.customerId);
  const below = randomOf(seed);
  const schema = buildSchema();
  const roots = [
    ...Object.values(schema.getQueryType()?.getFields() ?? {}).map((field) => ["query", field] as const),
    ...Object.values(schema.getMutationType()?.getFields() ?? {}).map((field) => ["mutation", field] as const),
  ] satisfies readonly (readonly ["query" | "mutation", GraphQLField<unknown, unknown>])[];
  const verdicts = new Map<string, number>();
  for (const [kind, field] of roots)
    for (let count = 0; count < DOCUMENTS; count += 1) {
      const { text, variables } = randomDocument(kind, field, pools, below);
      const token = below(4) === 0 ? undefined : stage.token;
      const { status, body } = await api.query(token ?? other.token, text, variables);
      const codes = (body.errors ?? []).map((error) => error.extensions.code);
      expect([200, 400], `${text} ${JSON.stringify(variables)}`).toContain(status);
      expect(codes, `${text} ${JSON.stringify(variables)}`).not.toContain("INTERNAL_SERVER_ERROR");
      for (const code of codes.length > 0 ? codes : ["an answer"]) verdicts.set(code, (verdicts.get(code) ?? 0) + 1);
    }
  // Most documents are to get as far as our own code.
  expect(verdicts.get("an answer") ?? 0, JSON.stringify([...verdicts])).toBeGreaterThan((roots.length * DOCUMENTS) / 3);
});
