/**
 * What every connector does, whatever its platform: the one suite that each of them runs against its sandbox shop over real
 * HTTP. What only some platforms can do is asked of those that say so in `can`.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Fault } from "../../sandbox/sandbox.js";
import type { Change } from "../../src/platforms/platform.js";
import { MAX_QUANTITY, newUuid } from "../../src/terms.js";
import { begin, calm, expectAll, FIND_MOST, FOR_EVER, type ShopUnderTest, UNREACHED, valueOf } from "./trial.js";

export type { ShopUnderTest } from "./trial.js";

/** What a platform can say of a listing that it no longer has. */
const MISSING_CODES = ["LISTING_NOT_FOUND", "LOCATION_NOT_STOCKED"];

/** No answer of any platform: pages, other JSON, JSON cut short. */
const FOREIGN_BODIES = [
  "",
  "<!doctype html><html><head><style>body{color:red}</style></head><body>Be right back</body></html>",
  "null",
  '"fine"',
  "[]",
  "{}",
  '{"unexpected":true,"update":3,"data":"x","results":{}}',
  '[{"unexpected":true}]',
  '{"update":[{"id":1,"stock_quant',
  '{"data":{"inventorySetQuantities":{"userErr',
];
/** The same, without those that a search may answer with in truth. */
const FOREIGN_ANSWERS = FOREIGN_BODIES.filter((body) => body !== "[]");

export function describePlatform(name: string, start: () => Promise<ShopUnderTest>): void {
  describe(`the ${name} connector`, () => {
    describe("sets quantities", () => {
      test("one listing ends at the absolute quantity", async () => {
        await using trial = await begin(start, [3]);
        expect(await trial.sendAll(trial.changes([7]))).toMatchObject([{ kind: "accepted" }]);
        expect(trial.quantities()).toEqual([7]);
      });

      test("many listings end at their own quantities, over several calls, and other listings stay", async () => {
        await using trial = await begin(
          start,
          Array.from({ length: 601 }, () => 1),
        );
        const wanted = trial.listings.slice(1).map((_, index) => index + 10);
        const lines = await trial.sendAll(trial.changes(wanted, trial.listings.slice(1)));
        expect(new Set(lines.map((line) => line.kind))).toEqual(new Set(["accepted"]));
        expect(trial.quantities()).toEqual([1, ...wanted]);
      });

      test("0 and the largest quantity pass unchanged", async () => {
        await using trial = await begin(start, [5, 5]);
        const lines = await trial.sendAll(trial.changes([0, MAX_QUANTITY]));
        expect(lines).toMatchObject([{ kind: "accepted" }, { kind: "accepted" }]);
        expect(trial.quantities()).toEqual([0, MAX_QUANTITY]);
      });

      test("the same call repeated with its key leaves the same state", async () => {
        await using trial = await begin(start, [3, 4]);
        const changes = trial.changes([8, 9]);
        const key = newUuid();
        await trial.sendAll(changes, key);
        expect(await trial.sendAll(changes, key)).toMatchObject([{ kind: "accepted" }, { kind: "accepted" }]);
        expect(trial.quantities()).toEqual([8, 9]);
      });

      test("a repetition after the answer was lost ends at the quantity once", async () => {
        await using trial = await begin(start, [3, 4]);
        const changes = trial.changes([8, 9]);
        const key = newUuid();
        trial.under.shop.fail({ kind: "dropAnswer" }, { times: FOR_EVER });
        expectAll(await trial.sendAll(changes, key), UNREACHED);
        trial.under.shop.heal();
        expect(await trial.sendAll(changes, key)).toMatchObject([{ kind: "accepted" }, { kind: "accepted" }]);
        expect(trial.quantities()).toEqual([8, 9]);
      });

      test("where the platform cannot compare, what was expected does not matter", async ({ skip }) => {
        await using trial = await begin(start, [3]);
        skip(trial.under.can.compareAndSet, "compares");
        const changes = trial.changes([7]).map((change) => ({ ...change, expectedQuantity: 99 }));
        expect(await trial.sendAll(changes)).toMatchObject([{ kind: "accepted" }]);
        expect(trial.quantities()).toEqual([7]);
      });
    });

    describe("compares before it sets", () => {
      test("a sale in the shop since is a conflict that writes nothing, and the other lines are set", async ({
        skip,
      }) => {
        await using trial = await begin(start, [10, 10, 10]);
        skip(!trial.under.can.compareAndSet, "the platform cannot compare");
        const changes = trial.changes([20, 21, 22]);
        trial.under.sell("SKU-1", 4);
        expect(await trial.sendAll(changes)).toMatchObject([
          { kind: "accepted" },
          { kind: "conflict", observedQuantity: 6 },
          { kind: "accepted" },
        ]);
        expect(trial.quantities()).toEqual([20, 6, 22]);
      });

      test("with nothing expected it sets without comparing", async ({ skip }) => {
        await using trial = await begin(start, [10]);
        skip(!trial.under.can.compareAndSet, "the platform cannot compare");
        const changes = trial.changes([20]).map((change) => ({ ...change, expectedQuantity: null }));
        trial.under.sell("SKU-0", 4);
        expect(await trial.sendAll(changes)).toMatchObject([{ kind: "accepted" }]);
        expect(trial.quantities()).toEqual([20]);
      });
    });

    describe("finds listings", () => {
      test("exactly: neither another case, nor a longer SKU, nor one that is missing", async ({ skip }) => {
        await using trial = await begin(start, []);
        skip(!trial.under.can.catalogue, "no catalogue");
        for (const sku of ["Tee-1", "TEE-2", "Tee-10", "tee-3"]) trial.under.add(sku, 4);
        const found = valueOf(
          await trial.connector.findBySku(["tee-1", "Tee-1", "TEE-2", "TEE-3", "Tee", "no"], calm()),
        );
        expect(found.map((listing) => listing.sku).sort()).toEqual(["TEE-2", "Tee-1"]);
        for (const listing of found) {
          expect(listing).toMatchObject({ active: true, stockManaged: true });
          expect([4, null]).toContain(listing.quantity);
        }
      });

      test("whose SKUs hold what searches treat specially", async ({ skip }) => {
        await using trial = await begin(start, []);
        skip(!trial.under.can.catalogue, "no catalogue");
        const skus = [
          '"Q"',
          "it's",
          "a b",
          "A&B=C",
          "x:y",
          "(1)",
          "50%",
          "back\\slash",
          "Größe-ß",
          "A*",
          "#1",
          "a+b",
          "-v",
          "OR",
        ];
        for (const sku of [...skus, "AB", "Q"]) trial.under.add(sku, 1);
        const found = valueOf(await trial.connector.findBySku(skus, calm()));
        expect(found.map((listing) => listing.sku).sort()).toEqual([...skus].sort());
      });

      test("each of several with the same SKU", async ({ skip }) => {
        await using trial = await begin(start, [1, 1]);
        skip(!trial.under.can.catalogue, "no catalogue");
        trial.under.add("SKU-1", 2);
        const found = valueOf(await trial.connector.findBySku(["SKU-0", "SKU-1"], calm()));
        expect(found.map((listing) => listing.sku).sort()).toEqual(["SKU-0", "SKU-1", "SKU-1"]);
        expect(new Set(found.map((listing) => listing.externalId)).size).toBe(3);
      });

      test("as many as one look-up takes, all of them doubled", async ({ skip }) => {
        await using trial = await begin(
          start,
          Array.from({ length: FIND_MOST }, () => 1),
        );
        skip(!trial.under.can.catalogue, "no catalogue");
        const skus = trial.listings.map((listing) => listing.sku);
        for (const sku of skus) trial.under.add(sku, 1);
        const found = valueOf(await trial.connector.findBySku(skus, calm()));
        expect(found.map((listing) => listing.sku).sort()).toEqual([...skus, ...skus].sort());
        expect(new Set(found.map((listing) => listing.externalId)).size).toBe(2 * FIND_MOST);
      });

      test("only where its driver says that the store has a catalogue", async () => {
        await using under = await start();
        expect(under.driver.hasCatalogue).toBe(under.can.catalogue);
      });
    });

    describe("reads back", () => {
      test("what the store says, in the order asked, null for what is gone", async ({ skip }) => {
        await using trial = await begin(
          start,
          Array.from({ length: FIND_MOST }, (_, index) => index),
        );
        skip(!trial.under.can.readBack, "cannot read back");
        trial.under.remove("SKU-7");
        trial.under.sell("SKU-9", 3);
        const reversed = [...trial.listings].reverse();
        const values = valueOf(await trial.connector.readBack(reversed, calm()));
        expect(values).toEqual(reversed.map((listing) => trial.under.quantityOf(listing.sku)));
        expect(trial.under.quantityOf("SKU-9")).toBe(6);
      });

      test("as null throughout where the platform cannot say", async ({ skip }) => {
        await using trial = await begin(start, [1, 2]);
        skip(trial.under.can.readBack, "can read back");
        expect(await trial.connector.readBack(trial.listings, calm())).toEqual({ ok: true, value: [null, null] });
      });
    });

    describe("splits changes into calls", () => {
      test("each change in exactly one, in order, within the limit, without touching anything", async () => {
        await using trial = await begin(
          start,
          Array.from({ length: 500 }, () => 1),
        );
        const all = trial.changes(trial.listings.map((_, index) => index));
        const callsBefore = trial.under.shop.calls.length;
        fc.assert(
          fc.property(fc.shuffledSubarray([...all]), (picked) => {
            const changes = Object.freeze(picked.map((change) => Object.freeze({ ...change })));
            const calls = trial.connector.partition(changes);
            expect(trial.connector.partition(changes)).toEqual(calls);
            const sent = calls.flatMap((call) => call.changes);
            expect(byListing(sent)).toEqual(byListing(changes));
            const place = new Map(changes.map((change, index) => [change.listingId, index]));
            for (const call of calls) {
              expect(call.changes.length).toBeGreaterThan(0);
              expect(call.changes.length).toBeLessThanOrEqual(trial.connector.maxChangesPerCall);
              const places = call.changes.map((change) => place.get(change.listingId) ?? -1);
              expect(places).toEqual([...places].sort((a, b) => a - b));
            }
          }),
          { numRuns: 50 },
        );
        expect(trial.under.shop.calls.length).toBe(callsBefore);
      });
    });

    describe("tells lines apart", () => {
      test("a removed listing among good ones is refused, and the good ones are set", async ({ skip }) => {
        await using trial = await begin(start, [1, 2, 3, 4, 5, 6]);
        skip(!trial.under.can.perLineErrors, "the platform does not tell");
        const changes = trial.changes([11, 12, 13, 14, 15, 16]);
        trial.under.remove("SKU-1");
        trial.under.remove("SKU-4");
        const lines = await trial.sendAll(changes);
        const refused = lines.flatMap((line, index) => (line.kind === "rejected" ? [index] : []));
        expect(refused).toEqual([1, 4]);
        expect(lines.filter((line) => line.kind === "accepted").length).toBe(4);
        for (const line of lines) if (line.kind === "rejected") expect(MISSING_CODES).toContain(line.code);
        expect(trial.quantities()).toEqual([11, null, 13, 14, null, 16]);
      });

      test("a call whose listings are all gone refuses each", async ({ skip }) => {
        await using trial = await begin(start, [1, 2, 3]);
        skip(!trial.under.can.perLineErrors, "the platform does not tell");
        const changes = trial.changes([11, 12, 13]);
        for (const { sku } of trial.listings) trial.under.remove(sku);
        const lines = await trial.sendAll(changes);
        expectAll(lines, { kind: "rejected" });
        for (const line of lines) if (line.kind === "rejected") expect(MISSING_CODES).toContain(line.code);
      });
    });

    describe("answers what a store or network does with a value", () => {
      test("credentials that work pass the check", async () => {
        await using trial = await begin(start, []);
        expect((await trial.connector.check(calm())).ok).toBe(true);
      });

      test("wrong credentials are refused as such, and nothing is written", async ({ skip }) => {
        await using trial = await begin(start, [1, 2]);
        skip(!trial.under.can.credentialsChecked, "the platform does not check");
        const { driver, connection, wrongCredentials } = trial.under;
        const stranger = driver.open({ ...connection, credentials: wrongCredentials });
        const refused = { kind: "rejected", code: "CREDENTIALS_INVALID" };
        expect(await stranger.check(calm())).toMatchObject({ ok: false, failure: refused });
        for (const call of stranger.partition(trial.changes([8, 9])))
          expectAll((await stranger.send(call, { idempotencyKey: newUuid(), signal: calm() })).lines, refused);
        expect(trial.quantities()).toEqual([1, 2]);
      });

      test.each([500, 502, 503, 504])("HTTP %i: the store is unavailable", async (status) => {
        await using trial = await begin(start, [1, 2]);
        const body = "<html><body>There has been a critical error on this website.</body></html>";
        trial.under.shop.fail({ kind: "status", status, body }, { times: FOR_EVER });
        await trial.expectEverywhere({ kind: "unavailable", scope: "store" });
        expect(trial.quantities()).toEqual([1, 2]);
      });

      test("HTTP 429 with Retry-After: 7 is a wish to wait 7 s, and without it to wait a while", async () => {
        await using trial = await begin(start, [1, 2]);
        const { shop } = trial.under;
        shop.fail({ kind: "status", status: 429, headers: { "retry-after": "7" } }, { times: FOR_EVER });
        await trial.expectEverywhere({ kind: "throttled", retryAfterMs: 7_000 });
        shop.heal();
        shop.fail({ kind: "status", status: 429, body: "<html>Slow down</html>" }, { times: FOR_EVER });
        for (const failure of await trial.failures())
          expect(failure.kind === "throttled" && failure.retryAfterMs > 0).toBe(true);
        expect(trial.quantities()).toEqual([1, 2]);
      });

      test.each(["reset", "dropAnswer"] as const)("a connection cut by %s: the store is unavailable", async (kind) => {
        await using trial = await begin(start, [1, 2]);
        trial.under.shop.fail({ kind }, { times: FOR_EVER });
        await trial.expectEverywhere(UNREACHED);
      });

      test("a store that is not there is unavailable", async () => {
        await using trial = await begin(start, [1, 2]);
        await trial.under.shop.close();
        await trial.expectEverywhere(UNREACHED);
      });

      test("an aborted send of a stalled shop ends at once as unavailable", async () => {
        await using trial = await begin(start, [1, 2]);
        const abort = new AbortController();
        const arrived = new Promise<void>((resolve) => {
          const when = (): boolean => {
            resolve();
            return true;
          };
          trial.under.shop.fail({ kind: "stall", ms: 60_000 }, { times: FOR_EVER, when });
        });
        const sending = trial.sendAll(trial.changes([8, 9]), newUuid(), abort.signal);
        await arrived;
        abort.abort();
        expectAll(await sending, { kind: "unavailable" });
        expectAll(await trial.sendAll(trial.changes([8, 9]), newUuid(), abort.signal), { kind: "unavailable" });
      });

      test.each([301, 302, 303, 307, 308])("HTTP %i is not followed and accepts nothing", async (status) => {
        await using trial = await begin(start, [1, 2]);
        const { shop } = trial.under;
        const headers = { location: `${shop.url}/elsewhere` };
        shop.fail({ kind: "status", status, headers }, { times: FOR_EVER });
        expect((await trial.failures()).map((failure) => failure.kind)).not.toContain("accepted");
        expect(shop.calls.map((call) => call.path)).not.toContain("/elsewhere");
        expect(trial.quantities()).toEqual([1, 2]);
      });

      test.each(FOREIGN_BODIES)("a body that is no answer accepts nothing: %s", async (body) => {
        await using trial = await begin(start, [1, 2]);
        const { shop, can } = trial.under;
        shop.fail({ kind: "lie", body }, { times: FOR_EVER });
        const lines = await trial.sendAll(trial.changes([8, 9]));
        if (can.answersInBody) expectAll(lines, { kind: "unavailable" });
        if (FOREIGN_ANSWERS.includes(body)) await trial.askedFailures();
      });

      test.each([200, 201, 400, 401, 403, 404, 409, 413, 422, 500, 503])(
        "no message repeats a secret that the shop's HTTP %i holds",
        async (status) => {
          await using trial = await begin(start, [1, 2]);
          const { shop, connection } = trial.under;
          const said = Object.values(connection.credentials)
            .filter((value) => value.length >= 8)
            .flatMap((secret) => [secret, encodeURIComponent(secret), Buffer.from(secret).toString("base64")]);
          const header = await trial.authorizationSeen();
          if (header !== null) said.push(header, encodeURIComponent(header));
          const words = said.join(" and ");
          const bodies = [
            words,
            `<html><body>${words}</body></html>`,
            JSON.stringify({ code: words, message: words, errors: words, error: { code: "x", message: words } }),
            JSON.stringify({ code: "x", message: words, data: { status }, errors: [{ message: words }] }),
          ];
          for (const body of bodies) {
            shop.heal();
            const fault: Fault = status === 200 ? { kind: "lie", body } : { kind: "status", status, body };
            shop.fail(fault, { times: FOR_EVER });
            const answers = JSON.stringify([...(await trial.sendAll(trial.changes([8, 9]))), ...(await trial.asked())]);
            for (const secret of said) expect(answers).not.toContain(JSON.stringify(secret).slice(1, -1));
          }
        },
      );
    });
  });
}

function byListing(changes: readonly Change[]): readonly Change[] {
  return [...changes].sort((a, b) => (a.listingId < b.listingId ? -1 : 1));
}
