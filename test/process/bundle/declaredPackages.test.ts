// What the packages of an archive load is in its lockfile, where they find it: an install of the archive has
// no more than that.
import { relative, resolve } from "node:path";
import { build } from "esbuild";
import { expect, it } from "vitest";
import { buildFunction } from "../../../infra/bundle/buildFunction.ts";
import { lockedVersions, manifest, readLockfile } from "../../../infra/bundle/manifest.ts";
import { pruneLockfile } from "../../../infra/bundle/pruneLockfile.ts";

const root = resolve(import.meta.dirname, "../../..");

/**
 * What is not missed: node-pre-gyp publishes bindings with the first three, and debug colours its lines where
 * it finds the last.
 */
const notMissed = ["mock-aws-s3", "aws-sdk", "nock", "supports-color"];

it.each(["api", "evaluator", "client"])(
  "everything that the packages of the %s load is locked",
  async (name) => {
    const lockfile = await readLockfile(root);
    const { packages } = await buildFunction(root, name);
    const versions = lockedVersions(lockfile, packages);
    const locked = pruneLockfile(manifest(name, versions), lockfile).packages;
    const { metafile } = await build({
      stdin: { contents: packages.map((one) => `import("${one}");`).join("\n"), resolveDir: root },
      absWorkingDir: root,
      bundle: true,
      platform: "node",
      format: "esm",
      outdir: "nowhere",
      splitting: true,
      write: false,
      metafile: true,
      logLevel: "silent",
      external: notMissed,
      loader: { ".node": "empty", ".html": "empty", ".cs": "empty" },
    });
    const loaded = Object.keys(metafile.inputs).flatMap((path) =>
      placeOf(relative(root, resolve(root, path))),
    );
    const missing = [...new Set(loaded)].filter((place) => !(place in locked));
    expect(new Set(loaded).size).toBeGreaterThanOrEqual(packages.length);
    expect(missing).toEqual([]);
  },
);

/** `node_modules/a/node_modules/b` of a file in it. */
function placeOf(path: string): readonly string[] {
  const place = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
  return place === undefined ? [] : [place];
}
