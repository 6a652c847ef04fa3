// `fedstratus profile show`: one profile, or the deployment that commands are for as things are.
import { command } from "../../frame/command.ts";
import { arg } from "../../frame/values.ts";
import { factLines } from "../../output/factLines.ts";

export const profileShow = command({
  name: "profile show",
  summary: "Show a profile; without a name, the deployment that commands are for here, and why.",
  examples: ["profile show", "profile show production"],
  args: { name: arg.text("[name]", "the profile's name") },
  options: {},
  isMutating: false,
  isIdempotent: true,
  isStreaming: false,
  exits: ["refused"],
  run: async ({ connection, out, places }, { args: { name } }) => {
    const { namedProfile, profileName, readProfiles } = await import("../../profiles/profiles.ts");
    const shown =
      name === undefined
        ? await connection()
        : { profile: name, ...namedProfile(await readProfiles(places.configFile), profileName(name)) };
    await out.document(shown, () => factLines(Object.entries(shown)));
    return undefined;
  },
});
