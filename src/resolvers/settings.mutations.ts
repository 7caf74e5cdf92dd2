/** Every switch of the policy, and the big actions over a selection of items. */
import { Arg, Ctx, Extensions, Mutation, Resolver } from "type-graphql";
import {
  CustomerPayload,
  ItemPayload,
  ItemsPayload,
  ListingPayload,
  OperationPayload,
  SetSyncInventoryBulkPayload,
  StorePayload,
  SyncInventoryPayload,
} from "../schema/payloads.js";
import {
  CancelOperationInput,
  ReleaseZeroGuardInput,
  RetryFailedInput,
  SetCustomerSyncInventoryInput,
  SetItemSyncInventoryInput,
  SetListingSyncInventoryInput,
  SetProcessOrdersInput,
  SetProcessOrdersManagementInput,
  SetStoreSyncEnabledInput,
  SetSyncInventoryBulkInput,
  SyncInventoryInput,
} from "../schema/settings.input.js";
import {
  checkExpiry,
  setCustomerSync,
  setItemSync,
  setListingSync,
  setProcessOrders,
  setProcessOrdersManagement,
  setStoreSyncEnabled,
} from "../sync/change-settings.js";
import {
  acceptRetryFailed,
  acceptSetSyncInventory,
  acceptSyncInventory,
  cancelOperation,
  selectItems,
} from "../sync/operations.js";
import { type PreviewedAction, readPreview } from "../sync/preview.js";
import { releaseZeroGuards } from "../sync/zero-guard.js";
import type { Context } from "./context.js";
import { itemsAnswer, itemsPayload } from "./items-answer.js";
import { type Mutated, mistake, mutate, preview } from "./mutate.js";
import type { PreviewView } from "./preview.resolver.js";
import { selectionOf, storesOf, target, targetCustomer } from "./targets.js";

@Resolver()
export class SettingsMutations {
  @Extensions({ scope: "SYNC" })
  @Mutation(() => SyncInventoryPayload, {
    description:
      "Sends the current level of every selected item to its stores, also where it is unchanged. The gates still hold; what is skipped says why.",
  })
  async syncInventory(@Arg("input", () => SyncInventoryInput) input: SyncInventoryInput, @Ctx() ctx: Context) {
    const includeNeverReceived = input.includeNeverReceived ?? false;
    const target = async () => {
      const { customerId } = await targetCustomer(ctx, input.customerId);
      const storeIds = input.storeIds == null ? null : await storesOf(ctx, customerId, input.storeIds, ["storeIds"]);
      return { customerId, storeIds, selection: await selectionOf(ctx, customerId, input.selection) };
    };
    if (input.dryRun)
      return previewPayload(ctx, input, async () => ({
        ...(await target()),
        mode: null,
        liftNeverReceived: includeNeverReceived,
      }));
    const mutated = await mutate(ctx, {
      name: "syncInventory",
      input,
      target,
      act: async (tx, target) => ({
        operationId: await acceptSyncInventory(tx, ctx.viewer.name, { ...target, includeNeverReceived }),
      }),
    });
    return { ...(await operationPayload(ctx, mutated)), preview: null };
  }

  @Extensions({ scope: "SYNC" })
  @Mutation(() => OperationPayload, {
    description:
      "Tries what stores have refused once more, now. An operation like syncInventory's, over the FAILED listings.",
  })
  async retryFailed(@Arg("input", () => RetryFailedInput) input: RetryFailedInput, @Ctx() ctx: Context) {
    const mutated = await mutate(ctx, {
      name: "retryFailed",
      input,
      target: async () => {
        const { customerId } = await targetCustomer(ctx, input.customerId);
        const ofCustomer = async (name: "store" | "operation", field: string, id: string | null | undefined) => {
          if (id == null) return null;
          const row = await target(ctx, name, field, id);
          if (row.customerId !== customerId) throw mistake("NOT_FOUND", "It is another customer's.", [field]);
          return row.id;
        };
        return {
          customerId,
          storeId: await ofCustomer("store", "storeId", input.storeId),
          operationId: await ofCustomer("operation", "operationId", input.operationId),
        };
      },
      act: async (tx, failed) => ({ operationId: await acceptRetryFailed(tx, ctx.viewer.name, failed) }),
    });
    return operationPayload(ctx, mutated);
  }

  @Extensions({ scope: "SYNC" })
  @Mutation(() => OperationPayload, {
    description:
      "Ends an operation early. What it has not yet worked stays as it is; what it has worked is done: settings stay set, and listings that were marked are still sent. Repeating it, or canceling what has ended, changes nothing.",
  })
  async cancelOperation(@Arg("input", () => CancelOperationInput) input: CancelOperationInput, @Ctx() ctx: Context) {
    const mutated = await mutate(ctx, {
      name: "cancelOperation",
      input,
      target: () => target(ctx, "operation", "operationId", input.operationId),
      act: async (tx, { id }) => {
        await cancelOperation(tx, id);
        return { operationId: id };
      },
    });
    return operationPayload(ctx, mutated);
  }

  @Extensions({ scope: "SETTINGS" })
  @Mutation(() => SetSyncInventoryBulkPayload, { description: "Sets the sync setting of every selected item." })
  async setSyncInventoryBulk(
    @Arg("input", () => SetSyncInventoryBulkInput) input: SetSyncInventoryBulkInput,
    @Ctx() ctx: Context,
  ) {
    const target = async () => {
      const { customerId } = await targetCustomer(ctx, input.customerId);
      return { customerId, selection: await selectionOf(ctx, customerId, input.selection) };
    };
    if (input.dryRun)
      return previewPayload(ctx, input, async () => {
        checkExpiry(input.expiresAt ?? null);
        return { ...(await target()), storeIds: null, mode: input.mode, liftNeverReceived: false };
      });
    const mutated = await mutate(ctx, {
      name: "setSyncInventoryBulk",
      input,
      target,
      act: async (tx, target) => ({
        operationId: await acceptSetSyncInventory(tx, ctx.viewer.name, { ...target, ...settingOf(input) }),
      }),
    });
    return { ...(await operationPayload(ctx, mutated)), preview: null };
  }

  @Extensions({ scope: "SETTINGS" })
  @Mutation(() => CustomerPayload)
  async setCustomerSyncInventory(
    @Arg("input", () => SetCustomerSyncInventoryInput) input: SetCustomerSyncInventoryInput,
    @Ctx() ctx: Context,
  ) {
    const mutated = await mutate(ctx, {
      name: "setCustomerSyncInventory",
      input,
      target: () => targetCustomer(ctx, input.customerId),
      act: async (tx, { customerId }) => {
        await setCustomerSync(tx, ctx.viewer.name, { customerId, mode: input.mode, note: input.note ?? null });
        return { customerId };
      },
    });
    return customerPayload(ctx, mutated);
  }

  @Extensions({ scope: "SETTINGS" })
  @Mutation(() => CustomerPayload, {
    description: "Says how Process Orders is switched from now on; switches no item itself.",
  })
  async setProcessOrdersManagement(
    @Arg("input", () => SetProcessOrdersManagementInput) input: SetProcessOrdersManagementInput,
    @Ctx() ctx: Context,
  ) {
    const mutated = await mutate(ctx, {
      name: "setProcessOrdersManagement",
      input,
      target: () => targetCustomer(ctx, input.customerId),
      act: async (tx, { customerId }) => {
        await setProcessOrdersManagement(tx, ctx.viewer.name, { customerId, management: input.management });
        return { customerId };
      },
    });
    return customerPayload(ctx, mutated);
  }

  @Extensions({ scope: "SETTINGS" })
  @Mutation(() => ItemPayload)
  async setItemSyncInventory(
    @Arg("input", () => SetItemSyncInventoryInput) input: SetItemSyncInventoryInput,
    @Ctx() ctx: Context,
  ) {
    const { answer, userErrors } = await mutate(ctx, {
      name: "setItemSyncInventory",
      input,
      target: () => target(ctx, "item", "itemId", input.itemId),
      act: async (tx, item) => {
        await setItemSync(tx, ctx.viewer.name, { itemId: item.id, ...settingOf(input) });
        return { itemId: item.id };
      },
    });
    return { item: answer && (await ctx.loaders.item.load(answer.itemId)), userErrors };
  }

  @Extensions({ scope: "SETTINGS" })
  @Mutation(() => ListingPayload)
  async setListingSyncInventory(
    @Arg("input", () => SetListingSyncInventoryInput) input: SetListingSyncInventoryInput,
    @Ctx() ctx: Context,
  ) {
    const { answer, userErrors } = await mutate(ctx, {
      name: "setListingSyncInventory",
      input,
      target: () => target(ctx, "listing", "listingId", input.listingId),
      act: async (tx, listing) => {
        await setListingSync(tx, ctx.viewer.name, { listingId: listing.id, ...settingOf(input) });
        return { listingId: listing.id };
      },
    });
    return { listing: answer && (await ctx.loaders.listing.load(answer.listingId)), userErrors };
  }

  @Extensions({ scope: "SETTINGS" })
  @Mutation(() => StorePayload, { description: "Switched on, what was held back catches up." })
  async setStoreSyncEnabled(
    @Arg("input", () => SetStoreSyncEnabledInput) input: SetStoreSyncEnabledInput,
    @Ctx() ctx: Context,
  ) {
    const { answer, userErrors } = await mutate(ctx, {
      name: "setStoreSyncEnabled",
      input,
      target: () => target(ctx, "store", "storeId", input.storeId),
      act: async (tx, store) => {
        await setStoreSyncEnabled(tx, ctx.viewer.name, { storeId: store.id, enabled: input.enabled });
        return { storeId: store.id };
      },
    });
    return { store: answer && (await ctx.loaders.store.load(answer.storeId)), userErrors };
  }

  @Extensions({ scope: "SYNC" })
  @Mutation(() => StorePayload, {
    description: "Lets a store go on after the mass-zero guard stopped it. For ten minutes nothing trips it again.",
  })
  async releaseZeroGuard(@Arg("input", () => ReleaseZeroGuardInput) input: ReleaseZeroGuardInput, @Ctx() ctx: Context) {
    const { answer, userErrors } = await mutate(ctx, {
      name: "releaseZeroGuard",
      input,
      target: () => target(ctx, "store", "storeId", input.storeId),
      act: async (tx, store) => {
        await releaseZeroGuards(tx, { customerId: store.customerId, storeId: store.id });
        return { storeId: store.id };
      },
    });
    return { store: answer && (await ctx.loaders.store.load(answer.storeId)), userErrors };
  }

  @Extensions({ scope: "SETTINGS" })
  @Mutation(() => ItemsPayload, { description: "`changedCount` counts those that did not say so already." })
  async setProcessOrders(@Arg("input", () => SetProcessOrdersInput) input: SetProcessOrdersInput, @Ctx() ctx: Context) {
    const mutated = await mutate(ctx, {
      name: "setProcessOrders",
      input,
      target: async () => {
        const { customerId } = await targetCustomer(ctx, input.customerId);
        return { customerId, selection: await selectionOf(ctx, customerId, input.selection) };
      },
      act: async (tx, { customerId, selection }) => {
        const itemIds = await selectItems(tx, customerId, selection);
        const { processOrders } = input;
        const changed = await setProcessOrders(tx, ctx.viewer.name, { customerId, itemIds, processOrders });
        return itemsAnswer(changed);
      },
    });
    return itemsPayload(ctx, mutated);
  }
}

function settingOf<Mode>(input: {
  readonly mode: Mode;
  readonly expiresAt?: Date | null | undefined;
  readonly note?: string | null | undefined;
}): { mode: Mode; expiresAt: Date | null; note: string | null } {
  return { mode: input.mode, expiresAt: input.expiresAt ?? null, note: input.note ?? null };
}

/** What a bulk action would do; the listings that would go to zero are looked for where they are selected. */
async function previewPayload(ctx: Context, input: object, target: () => Promise<PreviewedAction>) {
  const { answer, userErrors } = await preview({
    input,
    target,
    look: async (action): Promise<PreviewView> => ({ ...(await readPreview(ctx.db, action)), action }),
  });
  return { operation: null, preview: answer, userErrors };
}

export async function operationPayload(
  ctx: Context,
  { answer, userErrors }: Mutated<{ readonly operationId: string }>,
): Promise<{ operation: unknown; userErrors: readonly unknown[] }> {
  return { operation: answer && (await ctx.loaders.operation.load(answer.operationId)), userErrors };
}

async function customerPayload(
  ctx: Context,
  { answer, userErrors }: Mutated<{ readonly customerId: string }>,
): Promise<{ customer: unknown; userErrors: readonly unknown[] }> {
  return { customer: answer && (await ctx.loaders.customer.load(answer.customerId)), userErrors };
}
