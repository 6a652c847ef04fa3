// The guide to data: its commands make what it says that they do, its examples are features files, its tables
// are those of the schema.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { columnOptions, featureOptions, withFeatureOptions } from "../../../infra/docs/featuresReference.ts";
import { readData } from "../../../shared/cloud/data/readData.ts";
import { sourceFor } from "../../../shared/cloud/source.ts";
import { Features } from "../../../shared/core/data/features.ts";
import { ROW_FAULTS } from "../../../shared/core/schemas/dataFacts.ts";
import { readGuide } from "../../support/guides.ts";

const page = readGuide("docs/data.md");
const blockAfter = (mark: string) =>
  new RegExp(`<!-- ${mark} -->\n\`\`\`\\w+\n([^\`]+)\`\`\``).exec(page)?.[1] ?? "";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fedstratus guide-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe("the guide to data", () => {
  test.skipIf(spawnSync("bash", ["--version"]).error !== undefined)(
    "makes a table that is read as it says (bash)",
    async () => {
      execFileSync("bash", ["-euc", blockAfter("data-table")], { cwd: folder });
      const [, variable = ""] = /`CLIENT_DATA=(\S+)`/.exec(page) ?? [];
      const template = `${pathToFileURL(folder).href}/${variable.split("/data/")[1]}`;
      const tokens = { accessToken: async () => "", fetchIdToken: async () => "" };
      const data = await readData(
        {
          address: sourceFor(template, { clientId: "clinic-07" }),
          features: pathToFileURL(join(folder, "features.json")).href,
        },
        { tokens },
        { mayStream: true },
      );
      if ("batches" in data) throw new Error("a stream");
      expect(data.x.shape).toEqual([3, 4]);
      expect([...data.x.values.slice(0, 4)]).toEqual([0.61, 1, 0, 1].map(Math.fround));
      expect(data.y.values).toEqual(Float32Array.of(1, 0, 0));
      expect(page).toContain("`[0.61, 1, 0, 1]` for the first one, and the labels 1, 0, 0");
    },
  );

  test("shows features files that are valid", () => {
    const examples = JSON.parse(blockAfter("data-others"));
    expect(examples.map((one: unknown) => Features.safeParse(one).error?.issues ?? [])).toEqual([[], [], []]);
  });

  test("lists every option, each with its meaning", () => {
    expect(page).toBe(withFeatureOptions(page));
    const all = [...featureOptions(), ...columnOptions()];
    expect(all.filter(({ meaning }) => meaning === "")).toEqual([]);
  });

  test("names every reason for which a row is refused", () => {
    for (const reason of ROW_FAULTS) expect(page).toContain(`\`${reason}\``);
  });

  test.each([
    ["a/{clientId}.csv", "a/c7/x-rays.csv"],
    ["clients/{clientId}/", "clients/c7/x-rays/"],
    ["{clientId}/*.csv", "c7/x-rays/*.csv"],
    ["{clientId}/**/p*.csv", "c7/x-rays/**/p*.csv"],
    ["{data}/{clientId}/*.csv", "x-rays/c7/*.csv"],
  ])("says where a named data set lies: %s is %s", (template, address) => {
    expect(sourceFor(template, { clientId: "c7", data: "x-rays" })).toBe(address);
  });
});
