// The test files of the repository, with what is in them.
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { TestFile } from "./tiers.ts";

const root = resolve(import.meta.dirname, "../..");

/** In the order of their paths. */
export function readTestFiles(): readonly TestFile[] {
  return readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".test.ts"))
    .map((path) => `test/${path.replaceAll("\\", "/")}`)
    .toSorted()
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}
