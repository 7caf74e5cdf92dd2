import "reflect-metadata";
import "../schema/enums.js";
import {
  defaultFieldResolver,
  GraphQLError,
  type GraphQLFieldResolver,
  type GraphQLObjectType,
  type GraphQLSchema,
  isInputObjectType,
} from "graphql";
import { buildSchemaSync, type PubSub } from "type-graphql";
import { Scope } from "../terms.js";
import { AccountMutations } from "./account.mutations.js";
import type { Context } from "./context.js";
import { CustomerResolver } from "./customer.resolver.js";
import { InventoryMutations } from "./inventory.mutations.js";
import { InventoryLevelResolver, ItemResolver } from "./item.resolver.js";
import { ListingResolver } from "./listing.resolver.js";
import { NodeResolver } from "./node.resolver.js";
import { OperationResolver } from "./operation.resolver.js";
import { OutcomeResolver } from "./outcome.resolver.js";
import { PreviewResolver } from "./preview.resolver.js";
import { SearchMutations } from "./search.mutations.js";
import { SearchResolver } from "./search.resolver.js";
import { SyncSettingResolver } from "./setting.resolver.js";
import { SettingsMutations } from "./settings.mutations.js";
import { ShipNoticeLineResolver, ShipNoticeResolver } from "./ship-notice.resolver.js";
import { StoreHealthResolver, StoreResolver, WarehouseResolver } from "./store.resolver.js";
import { ApiTokenResolver, ViewerResolver } from "./viewer.resolver.js";

/** Input types of which exactly one field is given; graphql-js then enforces it. */
const ONE_OF = ["ItemSelection", "StoreCredentials"];

/** type-graphql demands one; our only subscription reads the feed itself. */
const NO_PUB_SUB: PubSub = {
  publish: () => {
    throw new Error("Nothing is published: subscribers read the feed.");
  },
  subscribe: () => {
    throw new Error("Nothing is published: subscribers read the feed.");
  },
};

/** The executable schema, each root field behind the scope that it demands. */
export function buildSchema(): GraphQLSchema {
  const schema = buildSchemaSync({
    resolvers: [
      NodeResolver,
      ViewerResolver,
      ApiTokenResolver,
      CustomerResolver,
      ItemResolver,
      InventoryLevelResolver,
      WarehouseResolver,
      StoreResolver,
      StoreHealthResolver,
      ListingResolver,
      SyncSettingResolver,
      OutcomeResolver,
      OperationResolver,
      PreviewResolver,
      SearchResolver,
      SearchMutations,
      ShipNoticeResolver,
      ShipNoticeLineResolver,
      InventoryMutations,
      SettingsMutations,
      AccountMutations,
    ],
    // Inputs are validated in mutate(), so that what is wrong comes back as userErrors.
    validate: false,
    pubSub: NO_PUB_SUB,
  });
  for (const name of ONE_OF) {
    const type = schema.getType(name);
    // type-graphql cannot say it: its @Directive("@oneOf") is printed nowhere and enforced by nobody.
    if (isInputObjectType(type)) type.isOneOf = true;
  }
  for (const root of [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()])
    if (root) demandScopes(root);
  return schema;
}

/** Denies by default: a root field that names no scope (null: any token) stops the start. */
function demandScopes(root: GraphQLObjectType): void {
  for (const field of Object.values(root.getFields())) {
    const scope = field.extensions["scope"];
    if (scope === null) continue;
    if (!isScope(scope)) throw new Error(`${root.name}.${field.name} does not say which scope it demands.`);
    field.resolve = behind(scope, field.resolve ?? defaultFieldResolver);
    if (field.subscribe) field.subscribe = behind(scope, field.subscribe);
  }
}

function isScope(value: unknown): value is Scope {
  return typeof value === "string" && Object.hasOwn(Scope, value);
}

function behind(scope: Scope, resolve: GraphQLFieldResolver<unknown, Context>): GraphQLFieldResolver<unknown, Context> {
  return (source, args: unknown, context, info) => {
    if (!context.viewer.scopes.has(scope))
      throw new GraphQLError(`This token lacks the scope ${scope}.`, { extensions: { code: "FORBIDDEN", scope } });
    return resolve(source, args, context, info);
  };
}
