// `fedstratus client remove`: retires a client.
import { command } from "../../frame/command.ts";
import { OF_CALLS } from "../../frame/exitCodes.ts";
import { arg, opt } from "../../frame/values.ts";

export const clientRemove = command({
  name: "client remove",
  summary: "Retire a client: no round selects it any more. What it has contributed stays.",
  examples: ["client remove clinic-07 --yes"],
  args: { client: arg.client("<client>") },
  options: { yes: opt.flag("--yes", "do not ask") },
  isMutating: true,
  isIdempotent: false,
  isStreaming: false,
  exits: OF_CALLS,
  run: async (context, { args, options }) => {
    const { Client } = await import("../../../../shared/core/schemas/client.ts");
    const api = await context.api();
    const clientId = await api.clientId(args.client);
    if (!(await context.confirm(`Client ${clientId} is retired.`, options.yes))) {
      context.out.say("Nothing was changed.");
      return "refused";
    }
    const { json } = await api.call({ method: "DELETE", path: `/v1/clients/${clientId}` }, Client);
    await context.out.document(json, () => [`${clientId} is retired`]);
    return undefined;
  },
});
