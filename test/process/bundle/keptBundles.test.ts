// Bundles are made again when anything that they are made of, or they themselves, have changed; else not.
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type BundleFolders, madeUnlessKept } from "../../../infra/bundle/keptBundles.ts";
import { FlError } from "../../../shared/core/errors.ts";

const NAMES = ["api", "coordinator", "aggregator", "evaluator", "client"] as const;

let root: string;
let made: number;
const write = async (path: string, text: string) => {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
};
const dirOf = (name: string) => join(root, "dist", "functions", name);
const make = async (): Promise<BundleFolders> => {
  made++;
  for (const name of NAMES) await write(`dist/functions/${name}/index.mjs`, `bundle of ${name}`);
  const [api, coordinator, aggregator, evaluator, client] = NAMES.map((name) => ({ dir: dirOf(name) }));
  return { api, coordinator, aggregator, evaluator, client } as BundleFolders;
};
const state = () => join(root, ".cache", "bundles.json");

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "kept-bundles-"));
  made = 0;
  await write("shared/core/a.ts", "a");
  await write("functions/api/index.ts", "b");
  await write("package-lock.json", "{}");
  await madeUnlessKept(root, make);
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe("bundles that were made before", () => {
  it("are taken as they are, with the same folders", async () => {
    const kept = await madeUnlessKept(root, make);
    expect(made).toBe(1);
    expect(kept).toEqual(Object.fromEntries(NAMES.map((name) => [name, { dir: dirOf(name) }])));
  });

  it.each<[string, () => Promise<void>]>([
    ["a source has changed", () => write("shared/core/a.ts", "A")],
    ["a source is new", () => write("shared/core/deep/er/new.ts", "")],
    ["a source is gone", () => rm(join(root, "functions/api/index.ts"))],
    [
      "bytes have moved from one source to the next",
      async () => {
        await write("shared/core/a.ts", "");
        await write("functions/api/index.ts", "ab");
      },
    ],
    ["packages have changed", () => write("package-lock.json", "{ }")],
    ["a bundle was changed", () => write("dist/functions/client/index.mjs", "other")],
    ["a bundle has a file more", () => write("dist/functions/client/chunks/left.mjs", "")],
    ["a bundle is gone", () => rm(dirOf("client"), { recursive: true })],
    ["it is not known what was made", () => rm(state())],
    ["what is known is damaged", () => writeFile(state(), "{")],
    ["what is known is of another form", () => writeFile(state(), '{"inputs":"","folders":{},"outputs":""}')],
  ])("are made again where %s", async (_what, change) => {
    await change();
    await madeUnlessKept(root, make);
    expect(made).toBe(2);
    await madeUnlessKept(root, make);
    expect(made).toBe(2);
  });

  it("are not taken for made where making them fails", async () => {
    const before = await readFile(state(), "utf8");
    await write("shared/core/a.ts", "broken");
    const failing = () => madeUnlessKept(root, () => Promise.reject(new FlError("internal", "no")));
    await expect(failing()).rejects.toThrow("no");
    expect(await readFile(state(), "utf8")).toBe(before);
    await expect(failing()).rejects.toThrow("no");
  });
});
