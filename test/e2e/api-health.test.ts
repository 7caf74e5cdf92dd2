/** What failed is tried again when a person says so, and a store's health tells how it is doing. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../support/api.js";
import { aMerchant, connectShop } from "../support/api-merchant.js";
import { startTestShop } from "../support/engine.js";
import { until } from "../support/until.js";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api[Symbol.asyncDispose]());

interface Health {
  readonly pending: number;
  readonly inFlight: number;
  readonly oldestPendingSince: string | null;
  readonly throttledUntil: string | null;
  readonly circuit: string;
  readonly successRate: number | null;
  readonly lagP50Ms: number | null;
  readonly lagP95Ms: number | null;
  readonly lastSuccessAt: string | null;
  readonly lastFailure: { readonly status: string; readonly platformMessage: string | null } | null;
}

async function healthOf(storeId: string): Promise<Health> {
  const text = `query ($id: ID!) { store(id: $id) { health {
    pending inFlight oldestPendingSince throttledUntil circuit successRate lagP50Ms lagP95Ms lastSuccessAt
    lastFailure { status platformMessage } } } }`;
  const { store } = await api.ask<{ store: { health: Health } }>(text, { id: storeId });
  return store.health;
}

describe("a store's health", () => {
  test("is quiet where nothing was attempted yet, and tells rate and lag once something was", async () => {
    const merchant = await aMerchant(api, { items: 3, onHand: 4 });
    await using shop = await startTestShop("WEBHOOK");
    const { storeId } = await connectShop(api, merchant, shop);
    const health = await until(async () => {
      const now = await healthOf(storeId);
      return now.pending === 0 ? now : null;
    });
    expect(health).toMatchObject({
      pending: 0,
      inFlight: 0,
      oldestPendingSince: null,
      throttledUntil: null,
      circuit: "CLOSED",
      successRate: 1,
      lastFailure: null,
    });
    expect(health.lagP50Ms).toBeLessThanOrEqual(health.lagP95Ms ?? -1);
    expect(health.lastSuccessAt).not.toBeNull();
  });

  test("says that a store which does not answer is left alone, why, and that it is closed again when it answers", async () => {
    const merchant = await aMerchant(api, { items: 2, onHand: 4 });
    await using shop = await startTestShop("WEBHOOK");
    const { storeId } = await connectShop(api, merchant, shop);
    shop.fail({ kind: "status", status: 503, body: "Down for maintenance" }, { times: 1_000 });
    const { customerId, token } = merchant;
    const lines = [{ sku: "SKU-0000", onHandDelta: 1 }];
    await api.change("adjustInventory", "changedCount", { customerId, lines }, token);
    const open = await until(async () => {
      const health = await healthOf(storeId);
      return health.circuit === "OPEN" ? health : null;
    });
    expect(open.pending).toBe(1);
    expect(open.throttledUntil).not.toBeNull();
    expect(open.lastFailure).toMatchObject({
      status: "RETRYING",
      platformMessage: expect.stringContaining("503") as string,
    });
    expect(open.successRate).toBeLessThan(1);
    shop.heal();
    await until(async () => (await healthOf(storeId)).circuit === "CLOSED");
    // The store is known to answer a moment before its answer is settled.
    await until(async () => (await healthOf(storeId)).pending === 0);
    expect(await healthOf(storeId)).toMatchObject({ circuit: "CLOSED", throttledUntil: null });
  });
});

describe("retryFailed", () => {
  const RETRY = "operation { id total }";
  interface Retried {
    readonly operation: { readonly id: string; readonly total: number };
  }

  test("tries at once what a store has refused, and nothing else", async () => {
    const merchant = await aMerchant(api, { items: 4, onHand: 4 });
    await using shop = await startTestShop("WEBHOOK");
    const { storeId } = await connectShop(api, merchant, shop);
    const { customerId, token } = merchant;
    const results = [{ externalId: "SKU-0001", status: "rejected", message: "Frozen" }];
    const others = ["SKU-0000", "SKU-0002", "SKU-0003"].map((externalId) => ({ externalId, status: "accepted" }));
    shop.fail({ kind: "lie", body: JSON.stringify({ results: [...results, ...others] }) });
    const { operation } = await api.change<Retried>(
      "syncInventory",
      RETRY,
      { customerId, selection: { filter: {} } },
      token,
    );
    expect(await api.operationEnd(operation.id)).toMatchObject({ status: "COMPLETED_WITH_FAILURES" });
    const calls = shop.calls.length;

    const retried = await api.change<Retried>("retryFailed", RETRY, { customerId, storeId }, token);

    expect(retried.operation.total).toBe(1);
    expect(await api.operationEnd(retried.operation.id)).toMatchObject({
      status: "COMPLETED",
      counts: [{ status: "SUCCEEDED", count: 1 }],
    });
    expect(shop.calls.slice(calls).flatMap((call) => call.lines.map((line) => line.externalId))).toEqual(["SKU-0001"]);
    const again = await api.mutate<object>("retryFailed", RETRY, { customerId, operationId: operation.id }, token);
    expect(again.userErrors).toMatchObject([{ code: "EMPTY_SELECTION", field: null }]);
  });

  test("syncInventory tries what was refused at once too", async () => {
    const merchant = await aMerchant(api, { items: 1, onHand: 4 });
    await using shop = await startTestShop("WEBHOOK");
    await connectShop(api, merchant, shop);
    const { customerId, token } = merchant;
    const sync = async (): Promise<string> => {
      const input = { customerId, selection: { filter: {} } };
      const { operation } = await api.change<Retried>("syncInventory", RETRY, input, token);
      return (await api.operationEnd(operation.id)).status;
    };
    shop.fail({
      kind: "lie",
      body: JSON.stringify({ results: [{ externalId: "SKU-0000", status: "rejected", message: "Frozen" }] }),
    });
    expect(await sync()).toBe("COMPLETED_WITH_FAILURES");
    expect(await sync()).toBe("COMPLETED");
  });

  test("knows no store or operation of another customer", async () => {
    const merchant = await aMerchant(api, { items: 1, onHand: 1 });
    const stranger = await aMerchant(api, { items: 1, onHand: 1 });
    await using shop = await startTestShop("WEBHOOK");
    const { storeId } = await connectShop(api, stranger, shop);
    const { customerId } = merchant;
    const { userErrors } = await api.mutate<object>("retryFailed", RETRY, { customerId, storeId });
    expect(userErrors).toMatchObject([{ code: "NOT_FOUND", field: ["storeId"] }]);
  });
});
