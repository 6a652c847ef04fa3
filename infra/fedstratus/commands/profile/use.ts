// `fedstratus profile use`: makes a profile the default.
import { command } from "../../frame/command.ts";
import { nameArg } from "./nameArg.ts";

export const profileUse = command({
  name: "profile use",
  summary: "Make a profile the default.",
  examples: ["profile use production"],
  args: { name: nameArg },
  options: {},
  isMutating: true,
  isIdempotent: true,
  isStreaming: false,
  exits: ["refused"],
  run: async ({ out, places }, { args }) => {
    const { namedProfile, profileName, readProfiles, writeProfiles } = await import(
      "../../profiles/profiles.ts"
    );
    const name = profileName(args.name);
    const known = await readProfiles(places.configFile);
    const profile = namedProfile(known, name);
    await writeProfiles(places.configFile, { ...known, default: name });
    await out.document({ name, ...profile, isDefault: true }, () => [
      `${name}: ${profile.apiUrl} (the default)`,
    ]);
    return undefined;
  },
});
