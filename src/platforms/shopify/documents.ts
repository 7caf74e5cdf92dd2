/**
 * Every GraphQL document that is sent to Shopify, for Admin API 2026-10. Each validates against
 * `sandbox/shopify-schema.graphql` (a test says so). What each asks for is kept small, because every object costs points:
 * object 1, scalar 0, connection × its page size, mutation 10; at most 1000 a document
 * (shopify.dev/docs/apps/build/graphql/rate-limits, read 2026-09).
 */

/** The version in the URL; another one may have other fields. */
export const API_VERSION = "2026-10";

/** Cost 10, however many lines. The group's `changes` are not asked for: they would cost a point each and say nothing new. */
export const SET_QUANTITIES = /* GraphQL */ `
  mutation SetQuantities($input: InventorySetQuantitiesInput!, $key: String!) {
    inventorySetQuantities(input: $input) @idempotent(key: $key) {
      inventoryAdjustmentGroup {
        id
      }
      userErrors {
        code
        field
        message
      }
    }
  }
`;

/** Cost 5 × `first`: variant, product, item, level, quantity. */
export const FIND_BY_SKU = /* GraphQL */ `
  query FindBySku($first: Int!, $after: String, $query: String!, $locationId: ID!) {
    productVariants(first: $first, after: $after, query: $query) {
      nodes {
        sku
        product {
          status
        }
        inventoryItem {
          id
          tracked
          inventoryLevel(locationId: $locationId) {
            quantities(names: ["available"]) {
              name
              quantity
            }
          }
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`;

/** Cost 3 × ids: item, level, quantity. */
export const READ_LEVELS = /* GraphQL */ `
  query ReadLevels($ids: [ID!]!, $locationId: ID!) {
    nodes(ids: $ids) {
      ... on InventoryItem {
        id
        inventoryLevel(locationId: $locationId) {
          quantities(names: ["available"]) {
            name
            quantity
          }
        }
      }
    }
  }
`;

/** Cost 1 × 250. A shop has at most 1,000 locations, on the largest plan. */
export const LOCATIONS = /* GraphQL */ `
  query Locations($after: String) {
    locations(first: 250, after: $after) {
      nodes {
        id
        name
        isActive
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`;
