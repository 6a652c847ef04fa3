// `fedstratus profile list`: the deployments that are known by name.
import { command } from "../../frame/command.ts";

export const profileList = command({
  name: "profile list",
  summary: "List profiles.",
  examples: ["profile list"],
  args: {},
  options: {},
  isMutating: false,
  isIdempotent: true,
  isStreaming: false,
  exits: ["refused"],
  run: async ({ out, places }) => {
    const { readProfiles } = await import("../../profiles/profiles.ts");
    const known = await readProfiles(places.configFile);
    const rows = Object.entries(known.profiles).map(([name, profile]) => ({
      name,
      ...profile,
      isDefault: known.default === name,
    }));
    await out.table({
      columns: [
        { key: "name", title: "profile", rank: 0, text: ({ name }) => name },
        { key: "apiUrl", title: "api", rank: 0, text: ({ apiUrl }) => apiUrl },
        { key: "operator", title: "operator", rank: 1, text: ({ operator }) => operator ?? "" },
        { key: "isDefault", title: "default", rank: 0, text: ({ isDefault }) => (isDefault ? "yes" : "") },
      ],
      rows,
      itemOf: (row) => row,
      json: { items: rows, nextCursor: null },
      empty: "There are no profiles. Add one with fedstratus profile add.",
    });
    return undefined;
  },
});
