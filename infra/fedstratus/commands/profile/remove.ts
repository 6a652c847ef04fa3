// `fedstratus profile remove`: forgets a profile; the deployment stays as it is.
import { command } from "../../frame/command.ts";
import { nameArg } from "./nameArg.ts";

export const profileRemove = command({
  name: "profile remove",
  summary: "Forget a profile. The deployment stays as it is.",
  examples: ["profile remove staging"],
  args: { name: nameArg },
  options: {},
  isMutating: true,
  isIdempotent: false,
  isStreaming: false,
  exits: ["refused"],
  run: async ({ out, places }, { args }) => {
    const { namedProfile, profileName, readProfiles, withoutProfile, writeProfiles } = await import(
      "../../profiles/profiles.ts"
    );
    const name = profileName(args.name);
    const known = await readProfiles(places.configFile);
    const profile = namedProfile(known, name);
    await writeProfiles(places.configFile, withoutProfile(known, name));
    await out.document({ name, ...profile }, () => [`${name} is forgotten`]);
    return undefined;
  },
});
