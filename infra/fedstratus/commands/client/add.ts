// `fedstratus client add`: registers a client.
import { command } from "../../frame/command.ts";
import { OF_CALLS } from "../../frame/exitCodes.ts";
import { opt } from "../../frame/values.ts";

export const clientAdd = command({
  name: "client add",
  summary: "Register a client. Registering the same again is harmless; to change one, remove it first.",
  examples: [
    "client add --file clinic-07.json",
    "client add --id clinic-07 --url https://client-abc.a.run.app --account client@my-project.iam.gserviceaccount.com --label region=north",
  ],
  args: {},
  options: {
    file: opt.text("-f, --file <file>", "its registration as JSON; - for standard input", "file"),
    id: opt.text("--id <id>", "its name"),
    url: opt.text("--url <url>", "the address of its function"),
    account: opt.text("--account <email>", "the service account that may claim and report for it"),
    memory: opt.wholeOrNone("--memory <mib>", "what its function has", { min: 1, max: 1_000_000 }),
    label: opt.many("--label <name=value>", "a label"),
  },
  isMutating: true,
  isIdempotent: true,
  isStreaming: false,
  exits: [...OF_CALLS, "input"],
  run: async (context, { options }) => {
    const [{ readSpec }, { registrationOf }, { Client }, { UsageError }] = await Promise.all([
      import("../../input/specFile.ts"),
      import("../../input/registrations.ts"),
      import("../../../../shared/core/schemas/client.ts"),
      import("../../frame/failures.ts"),
    ]);
    const { file, ...given } = options;
    const isByOptions = Object.values(given).some(
      (value) => value !== undefined && Object(value).length !== 0,
    );
    if (file !== undefined && isByOptions)
      throw new UsageError("Give a file, or the options: --file says all of it.");
    const body =
      file === undefined
        ? registrationOf(given)
        : await readSpec(file, { set: [], model: undefined }, context.io);
    const api = await context.api();
    const key = crypto.randomUUID();
    const { json, value } = await api.call({ method: "POST", path: "/v1/clients", body, key }, Client);
    await context.out.document(json, () => [`${value.clientId} is registered`]);
    return undefined;
  },
});
