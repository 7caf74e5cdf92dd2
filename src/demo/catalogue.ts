/** The demo's two merchants and what they sell: the same at every start, so that the sandbox shops number it alike. */

export interface DemoItem {
  readonly sku: string;
  readonly title: string;
  readonly barcode: string;
  readonly tags: readonly string[];
  /** Opening stock per warehouse, in the order of the merchant's; null: never received. */
  readonly opening: readonly number[] | null;
}

export interface DemoMerchant {
  readonly name: string;
  readonly externalRef: string;
  readonly warehouses: readonly { readonly code: string; readonly name: string }[];
  readonly items: readonly DemoItem[];
}

const ITEMS = 500;
/** The last of each catalogue were announced, but never came. */
const NEVER_RECEIVED = 20;

interface Words {
  readonly prefix: string;
  readonly makes: readonly string[];
  readonly things: readonly string[];
  readonly kinds: readonly string[];
  readonly warehouses: number;
}

function itemsOf({ prefix, makes, things, kinds, warehouses }: Words): DemoItem[] {
  return Array.from({ length: ITEMS }, (_, index) => {
    const thing = things[index % things.length] ?? "";
    const make = makes[Math.floor(index / things.length) % makes.length] ?? "";
    const kind = kinds[Math.floor(index / (things.length * makes.length)) % kinds.length] ?? "";
    const isReceived = index < ITEMS - NEVER_RECEIVED;
    return {
      sku: `${prefix}-${String(index + 1).padStart(4, "0")}`,
      title: `${make} ${thing}, ${kind}`,
      barcode: `40${prefix.length}${String(index + 1).padStart(10, "0")}`,
      tags: [thing.toLowerCase().replaceAll(" ", "-"), kind],
      opening: isReceived ? Array.from({ length: warehouses }, (__, at) => 5 + ((index * 7 + at * 13) % 40)) : null,
    };
  });
}

export const HARBOR: DemoMerchant = {
  name: "Harbor & Pine",
  externalRef: "demo-harbor",
  warehouses: [
    { code: "QUAY", name: "Quay Street" },
    { code: "INLAND", name: "Inland Depot" },
  ],
  items: itemsOf({
    prefix: "HP",
    makes: ["Oak", "Linen", "Stoneware", "Brass", "Wool"],
    things: ["Bowl", "Candle", "Blanket", "Lantern", "Tray", "Cushion", "Vase", "Coaster", "Mirror", "Basket"],
    kinds: ["small", "medium", "large", "natural", "sea green", "charcoal", "ivory", "rust", "indigo", "sand"],
    warehouses: 2,
  }),
};

export const NORTHWIND: DemoMerchant = {
  name: "Northwind Cycles",
  externalRef: "demo-northwind",
  warehouses: [{ code: "MAIN", name: "Main warehouse" }],
  items: itemsOf({
    prefix: "NW",
    makes: ["Alder", "Fjord", "Kestrel", "Summit", "Tarn"],
    things: ["Saddle", "Chain", "Brake Pad", "Inner Tube", "Pedal", "Bell", "Light", "Pump", "Grip", "Tyre"],
    kinds: ["20 inch", "24 inch", "26 inch", "28 inch", "black", "silver", "red", "winter", "city", "gravel"],
    warehouses: 1,
  }),
};

/** Each shop has lost one product since it was linked: its listing shows what FAILED looks like. */
export const LOST_INDEX = 41;
/** Set to NEVER: what moves there is SKIPPED. */
export const NEVER_INDEXES = [10, 11, 12, 13, 14] as const;
