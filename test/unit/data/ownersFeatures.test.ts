// A features file that cannot be had: the message says which option named it, and what to do.
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { ownersFeatures } from "../../../infra/data/ownersFeatures.ts";

test("none is read where none is given", async () => {
  expect(await ownersFeatures(undefined, "/")).toBeUndefined();
});

test.each([
  ["no-such-features.json", "there is no such file"],
  [".", "it is a folder"],
])("of %s it says that %s", async (file, why) => {
  await expect(ownersFeatures(file, tmpdir())).rejects.toMatchObject({
    code: "invalid-argument",
    message: `--features ${file} cannot be read: ${why}. Name a features file; fedstratus data inspect DATA --out FILE writes a first one.`,
  });
});
