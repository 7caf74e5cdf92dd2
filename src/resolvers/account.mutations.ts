/** Customers, stores and tokens. */
import { Arg, Ctx, Extensions, Mutation, Resolver } from "type-graphql";
import { createApiToken, revokeApiToken } from "../access/api-tokens.js";
import {
  ConnectStoreInput,
  CreateApiTokenInput,
  CreateCustomerInput,
  DisconnectStoreInput,
  ImportListingsInput,
  RevokeApiTokenInput,
  type StoreCredentials,
  UpdateStoreInput,
} from "../schema/account.input.js";
import {
  ApiTokenPayload,
  CreateApiTokenPayload,
  CustomerPayload,
  OperationPayload,
  StorePayload,
} from "../schema/payloads.js";
import { createCustomer } from "../sync/catalogue.js";
import {
  applyStoreUpdate,
  disconnectStore,
  insertStore,
  prepareStore,
  prepareStoreUpdate,
  type StoreToConnect,
} from "../sync/connect-store.js";
import { openCredentials, sealCredentials } from "../sync/credentials.js";
import { acceptImportListings } from "../sync/operations.js";
import type { Context } from "./context.js";
import { mistake, mutate } from "./mutate.js";
import { operationPayload } from "./settings.mutations.js";
import { isOperator, target, targetCustomer } from "./targets.js";

@Resolver()
export class AccountMutations {
  @Extensions({ scope: "ADMIN" })
  @Mutation(() => CustomerPayload, { description: "For operators." })
  async createCustomer(@Arg("input", () => CreateCustomerInput) input: CreateCustomerInput, @Ctx() ctx: Context) {
    const { answer, userErrors } = await mutate(ctx, {
      name: "createCustomer",
      input,
      target: () => {
        if (!isOperator(ctx.viewer)) throw mistake("INVALID_INPUT", "Only an operator's token makes customers.", null);
        return Promise.resolve({ customerId: null });
      },
      act: async (tx) => ({
        customerId: await createCustomer(tx, ctx.viewer.name, {
          name: input.name,
          externalRef: input.externalRef ?? null,
          syncMode: input.syncMode ?? "PROCESS_ORDERS_ONLY",
          processOrdersManagement: input.processOrdersManagement ?? "RECEIPT_ADJUSTMENT_AND_SELLOUT",
        }),
      }),
    });
    return { customer: answer && (await ctx.loaders.customer.load(answer.customerId)), userErrors };
  }

  @Extensions({ scope: "ADMIN" })
  @Mutation(() => StorePayload, {
    description:
      "Checks URL, credentials and location at the shop before anything is saved. `importListings` comes next.",
  })
  async connectStore(@Arg("input", () => ConnectStoreInput) input: ConnectStoreInput, @Ctx() ctx: Context) {
    const { answer, userErrors } = await mutate(ctx, {
      name: "connectStore",
      input,
      target: () => targetCustomer(ctx, input.customerId),
      prepare: ({ customerId }) =>
        prepareStore(ctx.stores, {
          customerId,
          name: input.name,
          platform: input.platform,
          url: input.url,
          credentials: plainCredentials(input.credentials),
          locationId: input.locationId ?? null,
        }),
      act: async (tx, _, prepared) => {
        if (!prepared) throw new Error("A store is prepared before it is written.");
        const rest = { warehouses: input.warehouses ?? null, syncEnabled: input.syncEnabled ?? true };
        return { storeId: await insertStore(tx, ctx.viewer.name, prepared, rest) };
      },
    });
    return { store: answer && (await ctx.loaders.store.load(answer.storeId)), userErrors };
  }

  @Extensions({ scope: "ADMIN" })
  @Mutation(() => StorePayload, {
    description: "New credentials are tried at the shop first; a store whose credentials were refused then catches up.",
  })
  async updateStore(@Arg("input", () => UpdateStoreInput) input: UpdateStoreInput, @Ctx() ctx: Context) {
    const { answer, userErrors } = await mutate(ctx, {
      name: "updateStore",
      input,
      target: () => target(ctx, "store", "storeId", input.storeId),
      prepare: (store) =>
        prepareStoreUpdate(ctx.stores, ctx.db, {
          storeId: store.id,
          name: input.name ?? null,
          credentials: input.credentials ? plainCredentials(input.credentials) : null,
          locationId: input.locationId ?? null,
          warehouses: input.warehouses ?? null,
        }),
      act: async (tx, store, prepared) => {
        if (!prepared) throw new Error("An update is prepared before it is written.");
        await applyStoreUpdate(tx, prepared);
        return { storeId: store.id };
      },
    });
    return { store: answer && (await ctx.loaders.store.load(answer.storeId)), userErrors };
  }

  @Extensions({ scope: "ADMIN" })
  @Mutation(() => StorePayload, {
    description: "Stops all syncing to a store and forgets its credentials; listings and outcomes stay.",
  })
  async disconnectStore(@Arg("input", () => DisconnectStoreInput) input: DisconnectStoreInput, @Ctx() ctx: Context) {
    const { answer, userErrors } = await mutate(ctx, {
      name: "disconnectStore",
      input,
      target: () => target(ctx, "store", "storeId", input.storeId),
      act: async (tx, store) => {
        await disconnectStore(tx, ctx.stores, store.id);
        return { storeId: store.id };
      },
    });
    return { store: answer && (await ctx.loaders.store.load(answer.storeId)), userErrors };
  }

  @Extensions({ scope: "SYNC" })
  @Mutation(() => OperationPayload, {
    description: "Links the customer's items to the store's listings by SKU, and keeps links that exist.",
  })
  async importListings(@Arg("input", () => ImportListingsInput) input: ImportListingsInput, @Ctx() ctx: Context) {
    const mutated = await mutate(ctx, {
      name: "importListings",
      input,
      target: () => target(ctx, "store", "storeId", input.storeId),
      act: async (tx, store) => ({
        operationId: await acceptImportListings(tx, ctx.viewer.name, { storeId: store.id, skus: input.skus ?? null }),
      }),
    });
    return operationPayload(ctx, mutated);
  }

  @Extensions({ scope: "ADMIN" })
  @Mutation(() => CreateApiTokenPayload, {
    description: "A token has at most the scopes of the one that makes it. The token itself is shown this once.",
  })
  async createApiToken(@Arg("input", () => CreateApiTokenInput) input: CreateApiTokenInput, @Ctx() ctx: Context) {
    const { answer, userErrors } = await mutate(ctx, {
      name: "createApiToken",
      input,
      target: async () => {
        const lacking = input.scopes.filter((scope) => !ctx.viewer.scopes.has(scope));
        if (lacking.length > 0)
          throw mistake("INVALID_INPUT", `Your own token lacks the scope ${lacking.join(", ")}.`, ["scopes"]);
        if (input.customerId != null) return targetCustomer(ctx, input.customerId);
        if (isOperator(ctx.viewer)) return { customerId: null };
        throw mistake("INVALID_INPUT", "Only an operator's token makes tokens for every customer.", ["customerId"]);
      },
      act: async (tx, { customerId }) => {
        const { name, scopes } = input;
        const made = await createApiToken(tx, { customerId, name, scopes, expiresAt: input.expiresAt ?? null });
        // The answer is kept for the key's sake, and the token is nowhere kept in clear.
        return { id: made.id, sealed: sealCredentials(ctx.stores.encryptionKey, made.id, { token: made.token }) };
      },
    });
    return {
      apiToken: answer && (await ctx.loaders.apiToken.load(answer.id)),
      token: answer && tokenIn(ctx, answer),
      userErrors,
    };
  }

  @Extensions({ scope: "ADMIN" })
  @Mutation(() => ApiTokenPayload, {
    description: "Ends a token; its sockets are closed. Repeating it changes nothing.",
  })
  async revokeApiToken(@Arg("input", () => RevokeApiTokenInput) input: RevokeApiTokenInput, @Ctx() ctx: Context) {
    const { answer, userErrors } = await mutate(ctx, {
      name: "revokeApiToken",
      input,
      target: () => target(ctx, "apiToken", "tokenId", input.tokenId),
      act: async (tx, token) => {
        await revokeApiToken(tx, token.id);
        return { tokenId: token.id };
      },
    });
    if (answer) ctx.tokenRevoked(answer.tokenId);
    return { apiToken: answer && (await ctx.loaders.apiToken.load(answer.tokenId)), userErrors };
  }
}

/** Null where the gateway's encryption key is another one by now: the token can still be revoked, and another made. */
function tokenIn(ctx: Context, answer: { readonly id: string; readonly sealed: string }): string | null {
  try {
    return openCredentials(ctx.stores.encryptionKey, answer.id, answer.sealed)["token"] ?? null;
  } catch (error) {
    ctx.log.warn({ err: error, tokenId: answer.id }, "a token whose answer was kept can no longer be shown");
    return null;
  }
}

/** Each platform's fields as a plain object. */
function plainCredentials(credentials: StoreCredentials): StoreToConnect["credentials"] {
  return Object.fromEntries(
    Object.entries(credentials).map(([platform, fields]: [string, object | null | undefined]) => [
      platform,
      fields == null ? fields : { ...fields },
    ]),
  );
}
