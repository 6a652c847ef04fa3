// `fedstratus client show`: one client, and what its last check found.
import { command } from "../../frame/command.ts";
import { OF_CALLS } from "../../frame/exitCodes.ts";
import { arg } from "../../frame/values.ts";

export const clientShow = command({
  name: "client show",
  summary: "Show a client, and what its last check found.",
  examples: ["client show clinic-07"],
  args: { client: arg.client("<client>") },
  options: {},
  isMutating: false,
  isIdempotent: true,
  isStreaming: false,
  exits: OF_CALLS,
  run: async (context, { args }) => {
    const [z, { Client }, { Check }, { clientLines }] = await Promise.all([
      import("zod"),
      import("../../../../shared/core/schemas/client.ts"),
      import("../../../../shared/core/schemas/check.ts"),
      import("../../documents/clients.ts"),
    ]);
    const Seen = Client.extend({ unanswered: z.string().nullable(), lastCheck: Check.nullable() });
    const api = await context.api();
    const path = `/v1/clients/${await api.clientId(args.client)}`;
    const { json, value } = await api.call({ method: "GET", path }, Seen);
    await context.out.document(json, () => clientLines(value, value, context.io.nowMs()));
    return undefined;
  },
});
