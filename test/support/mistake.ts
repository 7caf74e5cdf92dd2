/** What the tests of mistakes share: a merchant with everything that ids can name, and the proof that nothing was changed. */
import { expect } from "vitest";
import { type IdKind, toGlobalId } from "../../src/terms.js";
import { startTestApi, type TestApi } from "./api.js";
import { aMerchant, type ConnectedShop, connectShop, type Merchant } from "./api-merchant.js";
import { fingerprint } from "./api-state.js";
import { startTestShop, type TestShop } from "./engine.js";

/** Ten units each of two items in EAST, linked to a WooCommerce shop, with a ship notice `ASN` of the first. */
export interface MistakeStage extends Merchant, ConnectedShop, AsyncDisposable {
  readonly api: TestApi;
  readonly shop: TestShop;
  readonly shipNoticeId: string;
  /** Sends it as the customer, and expects these errors alone and an untouched database. */
  expectMistake(name: string, input: object, errors: ExpectedErrors, token?: string): Promise<void>;
}

export type ExpectedErrors = readonly (readonly [code: string, field: string | null])[];

/** A row of a test's table. */
export type Case = readonly [title: string, mutation: string, input: () => object, errors: ExpectedErrors];

export async function setMistakeStage(): Promise<MistakeStage> {
  const api = await startTestApi();
  const merchant = await aMerchant(api, { items: 2, onHand: 10, warehouses: ["EAST", "WEST"] });
  const shop = await startTestShop("WOOCOMMERCE");
  for (const sku of merchant.skus) shop.add(sku, 0);
  const connected = await connectShop(api, merchant, shop);
  const { customerId, token } = merchant;
  const notice = { customerId, reference: "ASN", warehouse: "EAST", lines: [{ sku: "SKU-0000", quantity: 3 }] };
  const { shipNotice } = await api.change<{ shipNotice: { id: string } }>(
    "createShipNotice",
    "shipNotice { id }",
    notice,
    token,
  );
  return {
    ...merchant,
    ...connected,
    api,
    shop,
    shipNoticeId: shipNotice.id,
    expectMistake: async (name, input, errors, as = token) => {
      const before = await fingerprint(api);
      const payload = await api.mutate<object>(name, "", input, as);
      expect(payload.userErrors.map(({ code, field }) => [code, field?.join(".") ?? null])).toEqual(errors);
      expect(await fingerprint(api)).toEqual(before);
    },
    [Symbol.asyncDispose]: async () => {
      await api[Symbol.asyncDispose]();
      await shop.close();
    },
  };
}

/** A well-formed id that names nothing. */
export const nobody = (kind: IdKind): string => toGlobalId(kind, "018f4b2e-0000-7000-8000-000000000000");

export const many = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));
