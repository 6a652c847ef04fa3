// The benches measure what they report: none holds a figure of another system, and both sides of a ratio are
// measured by one call.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const folder = join(import.meta.dirname, "../../../infra/bench");
const sources = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) =>
  /\.(ts|mjs)$/.test(file),
);
const PEERS =
  /flower|\bflwr\b|nvflare|nvidia flare|fedml|openfl|pysyft|\bdisco\b|fedless\b|measured (once )?elsewhere/i;

it.each(sources)("%s names no other system", (file) => {
  expect(readFileSync(join(folder, file), "utf8")).not.toMatch(PEERS);
});
