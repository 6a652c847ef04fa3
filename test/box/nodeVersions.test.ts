// The two Node versions that functions run on: under each, the bundles of the client and the evaluator start,
// and TensorFlow trains in them, which Node 23 and later need the compatibility shim for.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, realpath, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Bundle, bundleFunctions } from "../../infra/bundle/bundleFunctions.ts";
import { hasNode22, installNode22 } from "../support/node22.ts";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");
/** Vitest itself runs on the project's own Node. */
const nodes = [
  { version: "22", find: installNode22, isThere: hasNode22 },
  { version: "24", find: async () => process.execPath, isThere: process.versions.node.startsWith("24.") },
];

let scratch: string;
let bundles: Readonly<Record<"client" | "evaluator", Bundle>>;
beforeAll(async () => {
  scratch = await realpath(await mkdtemp(join(tmpdir(), "nodes-")));
  bundles = await bundleFunctions({ outDir: scratch });
  for (const { dir, packages } of [bundles.client, bundles.evaluator]) {
    for (const name of Object.keys(packages)) {
      const link = join(dir, "node_modules", name);
      await mkdir(dirname(link), { recursive: true });
      await symlink(join(root, "node_modules", name), link);
    }
  }
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

/** Loads TensorFlow as the bundle does, and takes a gradient with it. */
const program = (chunk: string) => `
  const { loadTensors } = await import(${JSON.stringify(chunk)});
  const { tf, backend } = await loadTensors({ prefer: "native" });
  const slope = tf.grad((x) => x.square().sum())(tf.tensor1d([1, 2, 3]));
  const node = process.versions.node.split(".")[0];
  process.stdout.write(JSON.stringify({ node, backend, slope: [...await slope.data()] }));
`;

for (const { version, find, isThere } of nodes) {
  describe.skipIf(!isThere)(
    `Node ${version} (22: where npm has it for this machine; 24: where the project runs on it)`,
    () => {
      it.each(["client", "evaluator"] as const)("trains in the bundle of the %s", async (name) => {
        const chunks = join(bundles[name].dir, "chunks");
        const [chunk = ""] = (await readdir(chunks)).filter((file) => /^loadTensors-\w+\.mjs$/.test(file));
        const code = program(join(chunks, chunk));
        const { stdout } = await run(await find(), ["--input-type=module", "-e", code], {
          env: { PATH: process.env["PATH"], TF_CPP_MIN_LOG_LEVEL: "3" },
        });
        expect(JSON.parse(stdout.slice(stdout.lastIndexOf("{")))).toEqual({
          node: version,
          backend: "tfjs-node",
          slope: [2, 4, 6],
        });
      });
    },
  );
}
