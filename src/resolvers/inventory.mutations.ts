/** The warehouse's acts, ship notices and the catalogue. */
import { Arg, Ctx, Extensions, Mutation, Resolver } from "type-graphql";
import type { ShipNoticeEntity } from "../entities/ship-notice.entity.js";
import type { WarehouseEntity } from "../entities/warehouse.entity.js";
import { CreateWarehouseInput } from "../schema/account.input.js";
import {
  AdjustInventoryInput,
  CommitInventoryInput,
  CreateShipNoticeInput,
  PublishShipNoticeInput,
  ReceiveInventoryInput,
  ReceiveShipNoticeInput,
  SetInventoryInput,
  ShipInventoryInput,
  UpsertItemsInput,
} from "../schema/inventory.input.js";
import { ItemsPayload, ShipNoticePayload, WarehousePayload } from "../schema/payloads.js";
import { createWarehouse, upsertItems } from "../sync/catalogue.js";
import {
  adjustInventory,
  commitInventory,
  type InventoryChange,
  receiveInventory,
  type StockLine,
  setInventory,
  shipInventory,
} from "../sync/record-inventory-change.js";
import { createShipNotice, publishShipNotice, receiveShipNotice } from "../sync/ship-notices.js";
import type { Tx } from "../sync/sql.js";
import type { Context } from "./context.js";
import { itemsAnswer, itemsPayload } from "./items-answer.js";
import { type Mutated, mutate } from "./mutate.js";
import { target, targetCustomer } from "./targets.js";

interface StockInput<Line extends StockLine> extends InventoryChange<Line> {
  readonly idempotencyKey?: string | null | undefined;
}

type StockAct<Line extends StockLine> = (
  tx: Tx,
  by: string,
  change: InventoryChange<Line>,
) => Promise<readonly string[]>;

@Resolver()
export class InventoryMutations {
  @Extensions({ scope: "INVENTORY" })
  @Mutation(() => ItemsPayload, {
    description: "Units put on the shelf. The first receipt of an item starts its syncing.",
  })
  receiveInventory(@Arg("input", () => ReceiveInventoryInput) input: ReceiveInventoryInput, @Ctx() ctx: Context) {
    return changeStock(ctx, "receiveInventory", input, receiveInventory);
  }

  @Extensions({ scope: "INVENTORY" })
  @Mutation(() => ItemsPayload, { description: "Signed corrections of onHand or unavailable." })
  adjustInventory(@Arg("input", () => AdjustInventoryInput) input: AdjustInventoryInput, @Ctx() ctx: Context) {
    return changeStock(ctx, "adjustInventory", input, adjustInventory);
  }

  @Extensions({ scope: "INVENTORY" })
  @Mutation(() => ItemsPayload, {
    description: "Absolute levels, optionally only if they still are what the caller read.",
  })
  setInventory(@Arg("input", () => SetInventoryInput) input: SetInventoryInput, @Ctx() ctx: Context) {
    return changeStock(ctx, "setInventory", input, setInventory);
  }

  @Extensions({ scope: "INVENTORY" })
  @Mutation(() => ItemsPayload, {
    description: "Units promised to (positive) or released from (negative) open orders.",
  })
  commitInventory(@Arg("input", () => CommitInventoryInput) input: CommitInventoryInput, @Ctx() ctx: Context) {
    return changeStock(ctx, "commitInventory", input, commitInventory);
  }

  @Extensions({ scope: "INVENTORY" })
  @Mutation(() => ItemsPayload, { description: "Committed units leave the shelf: onHand and committed both fall." })
  shipInventory(@Arg("input", () => ShipInventoryInput) input: ShipInventoryInput, @Ctx() ctx: Context) {
    return changeStock(ctx, "shipInventory", input, shipInventory);
  }

  @Extensions({ scope: "INVENTORY" })
  @Mutation(() => ShipNoticePayload, { description: "Announces goods on their way; nothing of them counts yet." })
  async createShipNotice(@Arg("input", () => CreateShipNoticeInput) input: CreateShipNoticeInput, @Ctx() ctx: Context) {
    const mutated = await mutate(ctx, {
      name: "createShipNotice",
      input,
      target: () => targetCustomer(ctx, input.customerId),
      act: async (tx, { customerId }) => ({
        shipNoticeId: await createShipNotice(tx, ctx.viewer.name, {
          customerId,
          reference: input.reference,
          warehouse: input.warehouse ?? null,
          expectedAt: input.expectedAt ?? null,
          lines: input.lines,
        }),
      }),
    });
    return shipNoticePayload(ctx, mutated);
  }

  @Extensions({ scope: "INVENTORY" })
  @Mutation(() => ShipNoticePayload, {
    description: "Counts inbound units as available before they arrive; all lines, or only `skus`.",
  })
  async publishShipNotice(
    @Arg("input", () => PublishShipNoticeInput) input: PublishShipNoticeInput,
    @Ctx() ctx: Context,
  ) {
    const mutated = await mutate(ctx, {
      name: "publishShipNotice",
      input,
      target: () => target(ctx, "shipNotice", "shipNoticeId", input.shipNoticeId),
      act: async (tx, notice) => {
        await publishShipNotice(tx, ctx.viewer.name, {
          shipNoticeId: notice.id,
          skus: input.skus ?? null,
          published: input.published ?? true,
        });
        return { shipNoticeId: notice.id };
      },
    });
    return shipNoticePayload(ctx, mutated);
  }

  @Extensions({ scope: "INVENTORY" })
  @Mutation(() => ShipNoticePayload, {
    description: "Goods arrived: good units go on hand, damaged ones on hand and unavailable; no longer inbound.",
  })
  async receiveShipNotice(
    @Arg("input", () => ReceiveShipNoticeInput) input: ReceiveShipNoticeInput,
    @Ctx() ctx: Context,
  ) {
    const mutated = await mutate(ctx, {
      name: "receiveShipNotice",
      input,
      target: () => target(ctx, "shipNotice", "shipNoticeId", input.shipNoticeId),
      act: async (tx, notice) => {
        await receiveShipNotice(tx, ctx.viewer.name, { shipNoticeId: notice.id, lines: input.lines });
        return { shipNoticeId: notice.id };
      },
    });
    return shipNoticePayload(ctx, mutated);
  }

  @Extensions({ scope: "INVENTORY" })
  @Mutation(() => ItemsPayload, { description: "Makes items or changes their words; stock and settings stay." })
  async upsertItems(@Arg("input", () => UpsertItemsInput) input: UpsertItemsInput, @Ctx() ctx: Context) {
    const mutated = await mutate(ctx, {
      name: "upsertItems",
      input,
      target: () => targetCustomer(ctx, input.customerId),
      act: async (tx, { customerId }) =>
        itemsAnswer(await upsertItems(tx, ctx.viewer.name, { customerId, items: input.items })),
    });
    return itemsPayload(ctx, mutated);
  }

  @Extensions({ scope: "ADMIN" })
  @Mutation(() => WarehousePayload)
  async createWarehouse(
    @Arg("input", () => CreateWarehouseInput) input: CreateWarehouseInput,
    @Ctx() ctx: Context,
  ): Promise<{ warehouse: WarehouseEntity | null; userErrors: readonly unknown[] }> {
    const { answer, userErrors } = await mutate(ctx, {
      name: "createWarehouse",
      input,
      target: () => targetCustomer(ctx, input.customerId),
      act: async (tx, { customerId }) => ({
        warehouseId: await createWarehouse(tx, { customerId, code: input.code, name: input.name }),
      }),
    });
    return { warehouse: answer && (await ctx.loaders.warehouse.load(answer.warehouseId)), userErrors };
  }
}

async function changeStock<Line extends StockLine>(
  ctx: Context,
  name: string,
  input: StockInput<Line>,
  act: StockAct<Line>,
): ReturnType<typeof itemsPayload> {
  const mutated = await mutate(ctx, {
    name,
    input,
    target: () => targetCustomer(ctx, input.customerId),
    act: async (tx, { customerId }) => itemsAnswer(await act(tx, ctx.viewer.name, { ...input, customerId })),
  });
  return itemsPayload(ctx, mutated);
}

async function shipNoticePayload(
  ctx: Context,
  { answer, userErrors }: Mutated<{ readonly shipNoticeId: string }>,
): Promise<{ shipNotice: ShipNoticeEntity | null; userErrors: readonly unknown[] }> {
  return { shipNotice: answer && (await ctx.loaders.shipNotice.load(answer.shipNoticeId)), userErrors };
}
