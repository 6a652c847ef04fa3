// The release that functions tell is that of the package.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { RELEASE } from "../../../shared/core/schemas/release.ts";

it("is the package's version", () => {
  const manifest = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  expect(JSON.parse(manifest).version).toBe(RELEASE);
});
