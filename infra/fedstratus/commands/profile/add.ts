// `fedstratus profile add`: a deployment under a name, by its address, Terraform's outputs or a local cloud.
import { command } from "../../frame/command.ts";
import { opt } from "../../frame/values.ts";
import { nameArg } from "./nameArg.ts";

export const profileAdd = command({
  name: "profile add",
  summary: "Add or replace a profile: a deployment under a name.",
  about:
    "Give the address of its api by --api, the folder of its Terraform configuration, or the --data folder of a local cloud. A profile holds no secrets. The first one becomes the default.",
  examples: [
    "profile add production --terraform terraform",
    "profile add production --api https://api-abc-ew.a.run.app --operator operator@my-project.iam.gserviceaccount.com",
    "profile add local --box dist/box",
  ],
  args: { name: nameArg },
  options: {
    operator: opt.text("--operator <email>", "the service account that operators call the api as"),
    project: opt.text("--project <id>", "the Google Cloud project"),
    terraform: opt.text(
      "--terraform <dir>",
      "read api_url and operator from the outputs of this configuration",
      "folder",
    ),
    box: opt.text(
      "--box <dir>",
      "read the addresses of the local cloud that keeps its data in this folder",
      "folder",
    ),
  },
  isMutating: true,
  isIdempotent: true,
  isStreaming: false,
  exits: ["refused", "input"],
  run: async ({ io, out, options: { api }, places }, { args, options }) => {
    const [{ readProfiles, withProfile, writeProfiles, profileName }, { newProfile }] = await Promise.all([
      import("../../profiles/profiles.ts"),
      import("../../profiles/newProfile.ts"),
    ]);
    const name = profileName(args.name);
    const profile = await newProfile({ ...options, api }, io);
    const before = await readProfiles(places.configFile);
    const after = withProfile(before, name, profile);
    await writeProfiles(places.configFile, after);
    const isDefault = after.default === name;
    await out.document({ name, ...profile, isDefault }, () => [
      `${name}: ${profile.apiUrl}${isDefault ? " (the default)" : ""}`,
    ]);
    return undefined;
  },
});
