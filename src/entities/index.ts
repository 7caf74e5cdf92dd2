/** Every entity: what `openDatabase` knows of. Relations are ids; collections come from loaders. */
import { ApiTokenEntity } from "./api-token.entity.js";
import { CustomerEntity } from "./customer.entity.js";
import { InventoryLevelEntity } from "./inventory-level.entity.js";
import { ItemEntity } from "./item.entity.js";
import { ListingEntity } from "./listing.entity.js";
import { OperationEntity } from "./operation.entity.js";
import { SearchEntity } from "./search.entity.js";
import { ShipNoticeEntity, ShipNoticeLineEntity } from "./ship-notice.entity.js";
import { StoreEntity } from "./store.entity.js";
import { WarehouseEntity } from "./warehouse.entity.js";

export const entities = [
  ApiTokenEntity,
  CustomerEntity,
  InventoryLevelEntity,
  ItemEntity,
  ListingEntity,
  OperationEntity,
  SearchEntity,
  ShipNoticeEntity,
  ShipNoticeLineEntity,
  StoreEntity,
  WarehouseEntity,
] as const;
