import { Args, Ctx, FieldResolver, Resolver, Root } from "type-graphql";
import type { Connection } from "../schema/connection.type.js";
import { SyncSettingChangeConnection, type SyncSettingChangeType, SyncSettingType } from "../schema/setting.type.js";
import type { Context } from "./context.js";
import { readPage } from "./pages.js";
import { ForwardArgs } from "./paging.args.js";
import type { SettingView } from "./settings-view.js";

@Resolver(() => SyncSettingType)
export class SyncSettingResolver {
  @FieldResolver(() => SyncSettingChangeConnection, { description: "The newest first." })
  history(
    @Root() setting: SettingView,
    @Args(() => ForwardArgs) args: ForwardArgs,
    @Ctx() ctx: Context,
  ): Promise<Connection<SyncSettingChangeType>> {
    return readPage<SyncSettingChangeType, SyncSettingChangeType>(
      ctx.loaders.atOnce,
      {
        columns: `h.mode, h.previous_mode as "previousMode", h.expires_at as "expiresAt", h.note,
                  h.changed_at as "changedAt", h.changed_by as "changedBy"`,
        from: "from setting_change h where h.subject_id = $1 and h.scope = $2",
        params: [setting.subjectId, setting.scope],
        order: [{ expression: "h.id", type: "uuid" }],
        direction: "DESC",
      },
      args,
      (rows) => Promise.resolve(rows),
    );
  }
}
