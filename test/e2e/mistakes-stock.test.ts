/** What a sender gets wrong about stock and ship notices: typed userErrors that name the field, and nothing was changed. */
import { afterAll, beforeAll, describe, test } from "vitest";
import { type Case, type MistakeStage, many, nobody, setMistakeStage } from "../support/mistake.js";

let stage: MistakeStage;
beforeAll(async () => {
  stage = await setMistakeStage();
});
afterAll(() => stage[Symbol.asyncDispose]());

const line = (more: object) => ({ sku: "SKU-0000", warehouse: "EAST", ...more });
const stock = (...lines: readonly object[]) => ({ customerId: stage.customerId, lines });

describe("stock lines", () => {
  test.each<Case>([
    [
      "an unknown SKU",
      "receiveInventory",
      () => stock(line({ sku: "sku-0000", quantity: 1 })),
      [["UNKNOWN_SKU", "lines.0.sku"]],
    ],
    [
      "an unknown warehouse",
      "receiveInventory",
      () => stock(line({ quantity: 1, warehouse: "NORTH" })),
      [["UNKNOWN_WAREHOUSE", "lines.0.warehouse"]],
    ],
    [
      "no warehouse where there are several",
      "shipInventory",
      () => stock({ sku: "SKU-0000", quantity: 1 }),
      [["AMBIGUOUS_WAREHOUSE", "lines.0.warehouse"]],
    ],
    [
      "a line twice",
      "receiveInventory",
      () => stock(line({ quantity: 1 }), line({ quantity: 1 })),
      [["DUPLICATE_LINE", "lines.1.sku"]],
    ],
    [
      "all that is wrong at once",
      "receiveInventory",
      () => stock(line({ quantity: 0 }), line({ sku: "?", quantity: 1 }), line({ sku: "SKU-0001", quantity: 2 })),
      [
        ["INVALID_QUANTITY", "lines.0.quantity"],
        ["UNKNOWN_SKU", "lines.1.sku"],
      ],
    ],
    [
      "a receipt of less than one",
      "receiveInventory",
      () => stock(line({ quantity: -1 })),
      [["INVALID_QUANTITY", "lines.0.quantity"]],
    ],
    [
      "a receipt above the most",
      "receiveInventory",
      () => stock(line({ quantity: 1_000_000_000 })),
      [["INVALID_QUANTITY", "lines.0.quantity"]],
    ],
    [
      "the largest integer",
      "receiveInventory",
      () => stock(line({ quantity: 2_147_483_647 })),
      [["INVALID_QUANTITY", "lines.0.quantity"]],
    ],
    [
      "the smallest integer",
      "commitInventory",
      () => stock(line({ quantity: -2_147_483_648 })),
      [["INVALID_QUANTITY", "lines.0.quantity"]],
    ],
    [
      "the most in each of two warehouses",
      "setInventory",
      () => stock(line({ onHand: 600_000_000 }), line({ onHand: 600_000_000, warehouse: "WEST" })),
      [["INVALID_QUANTITY", "lines.0"]],
    ],
    [
      "an adjustment below 0",
      "adjustInventory",
      () => stock(line({ onHandDelta: -11 })),
      [["INVALID_QUANTITY", "lines.0.onHandDelta"]],
    ],
    [
      "an adjustment of nothing",
      "adjustInventory",
      () => stock(line({})),
      [["INVALID_QUANTITY", "lines.0.onHandDelta"]],
    ],
    [
      "an adjustment to null",
      "adjustInventory",
      () => stock(line({ onHandDelta: null, unavailableDelta: null })),
      [["INVALID_QUANTITY", "lines.0.onHandDelta"]],
    ],
    ["a negative level", "setInventory", () => stock(line({ onHand: -1 })), [["INVALID_QUANTITY", "lines.0.onHand"]]],
    [
      "a negative unavailable level",
      "setInventory",
      () => stock(line({ unavailable: -1 })),
      [["INVALID_QUANTITY", "lines.0.unavailable"]],
    ],
    ["a level of nothing", "setInventory", () => stock(line({})), [["INVALID_INPUT", "lines.0.onHand"]]],
    [
      "a stale level among good ones",
      "setInventory",
      () => stock(line({ onHand: 1, ifOnHand: 9 }), { sku: "SKU-0001", warehouse: "EAST", onHand: 1, ifOnHand: 10 }),
      [["STALE_QUANTITY", "lines.0.ifOnHand"]],
    ],
    [
      "a commitment of nothing",
      "commitInventory",
      () => stock(line({ quantity: 0 })),
      [["INVALID_QUANTITY", "lines.0.quantity"]],
    ],
    [
      "a release of what is not committed",
      "commitInventory",
      () => stock(line({ quantity: -1 })),
      [["INVALID_QUANTITY", "lines.0.quantity"]],
    ],
    [
      "a shipment of what is not committed",
      "shipInventory",
      () => stock(line({ quantity: 1 })),
      [["INVALID_QUANTITY", "lines.0.quantity"]],
    ],
    ["no lines", "receiveInventory", () => stock(), [["INVALID_INPUT", "lines"]]],
    [
      "1,001 lines",
      "receiveInventory",
      () => stock(...many(1_001, (at) => line({ sku: `S${String(at)}`, quantity: 1 }))),
      [["TOO_MANY_LINES", "lines"]],
    ],
    [
      "1,001 adjustments",
      "adjustInventory",
      () => stock(...many(1_001, () => line({ onHandDelta: 1 }))),
      [["TOO_MANY_LINES", "lines"]],
    ],
    [
      "1,001 levels",
      "setInventory",
      () => stock(...many(1_001, () => line({ onHand: 1 }))),
      [["TOO_MANY_LINES", "lines"]],
    ],
    [
      "1,001 commitments",
      "commitInventory",
      () => stock(...many(1_001, () => line({ quantity: 1 }))),
      [["TOO_MANY_LINES", "lines"]],
    ],
    [
      "1,001 shipments",
      "shipInventory",
      () => stock(...many(1_001, () => line({ quantity: 1 }))),
      [["TOO_MANY_LINES", "lines"]],
    ],
  ])("%s (%s)", (_, name, input, errors) => stage.expectMistake(name, input(), errors));
});

describe("ship notices", () => {
  const notice = (more: object) => ({
    customerId: stage.customerId,
    reference: "ANOTHER",
    warehouse: "EAST",
    lines: [{ sku: "SKU-0000", quantity: 1 }],
    ...more,
  });
  const receipt = (...lines: readonly object[]) => ({ shipNoticeId: stage.shipNoticeId, lines });
  test.each<Case>([
    [
      "a reference that is taken",
      "createShipNotice",
      () => notice({ reference: "ASN" }),
      [["ALREADY_EXISTS", "reference"]],
    ],
    [
      "no warehouse where there are several",
      "createShipNotice",
      () => notice({ warehouse: null }),
      [["AMBIGUOUS_WAREHOUSE", "warehouse"]],
    ],
    [
      "an unknown warehouse",
      "createShipNotice",
      () => notice({ warehouse: "NORTH" }),
      [["UNKNOWN_WAREHOUSE", "warehouse"]],
    ],
    [
      "unknown SKUs, twice, and no units",
      "createShipNotice",
      () =>
        notice({
          lines: [
            { sku: "?", quantity: 1 },
            { sku: "SKU-0001", quantity: 0 },
            { sku: "SKU-0001", quantity: 1 },
          ],
        }),
      [
        ["UNKNOWN_SKU", "lines.0.sku"],
        ["DUPLICATE_LINE", "lines.2.sku"],
        ["INVALID_QUANTITY", "lines.1.quantity"],
      ],
    ],
    [
      "too many units",
      "createShipNotice",
      () => notice({ lines: [{ sku: "SKU-0000", quantity: 1_000_000_001 }] }),
      [["INVALID_QUANTITY", "lines.0.quantity"]],
    ],
    ["no lines", "createShipNotice", () => notice({ lines: [] }), [["INVALID_INPUT", "lines"]]],
    [
      "1,001 lines",
      "createShipNotice",
      () => notice({ lines: many(1_001, (at) => ({ sku: `S${String(at)}`, quantity: 1 })) }),
      [["TOO_MANY_LINES", "lines"]],
    ],
    [
      "a notice that is none",
      "publishShipNotice",
      () => ({ shipNoticeId: nobody("notice") }),
      [["NOT_FOUND", "shipNoticeId"]],
    ],
    [
      "an id of another kind",
      "publishShipNotice",
      () => ({ shipNoticeId: stage.customerId }),
      [["NOT_FOUND", "shipNoticeId"]],
    ],
    [
      "an item that the notice has not",
      "publishShipNotice",
      () => ({ shipNoticeId: stage.shipNoticeId, skus: ["SKU-0000", "SKU-0001"] }),
      [["UNKNOWN_SKU", "skus.1"]],
    ],
    [
      "an item that the notice has not",
      "receiveShipNotice",
      () => receipt({ sku: "SKU-0001", good: 1 }),
      [["UNKNOWN_SKU", "lines.0.sku"]],
    ],
    [
      "a receipt twice",
      "receiveShipNotice",
      () => receipt({ sku: "SKU-0000", good: 1 }, { sku: "SKU-0000", good: 1 }),
      [["DUPLICATE_LINE", "lines.1.sku"]],
    ],
    [
      "a receipt of nothing",
      "receiveShipNotice",
      () => receipt({ sku: "SKU-0000", good: 0 }),
      [["INVALID_QUANTITY", "lines.0.good"]],
    ],
    [
      "negative units",
      "receiveShipNotice",
      () => receipt({ sku: "SKU-0000", good: -1, damaged: -2 }),
      [
        ["INVALID_QUANTITY", "lines.0.good"],
        ["INVALID_QUANTITY", "lines.0.damaged"],
      ],
    ],
    [
      "too many units",
      "receiveShipNotice",
      () => receipt({ sku: "SKU-0000", good: 2_147_483_647, damaged: 2_147_483_647 }),
      [["INVALID_QUANTITY", "lines.0.good"]],
    ],
    [
      "more units than a level takes",
      "receiveShipNotice",
      () => receipt({ sku: "SKU-0000", good: 1_000_000_000 }),
      [["INVALID_QUANTITY", "lines.0"]],
    ],
    ["no lines", "receiveShipNotice", () => receipt(), [["INVALID_INPUT", "lines"]]],
    [
      "1,001 lines",
      "receiveShipNotice",
      () => receipt(...many(1_001, () => ({ sku: "SKU-0000", good: 1 }))),
      [["TOO_MANY_LINES", "lines"]],
    ],
  ])("%s (%s)", (_, name, input, errors) => stage.expectMistake(name, input(), errors));
});
