// A bundle's lockfile: everything that its packages need and nothing else, in the places of the repository's
// lockfile.
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { type Lockfile, lockedVersions, manifest, readLockfile } from "../../../infra/bundle/manifest.ts";
import { pruneLockfile } from "../../../infra/bundle/pruneLockfile.ts";

const lockfile: Lockfile = {
  packages: {
    "": { dependencies: { a: "1.0.0" }, optionalDependencies: { o: "1.0.0" } },
    "node_modules/a": { version: "1.0.0", dependencies: { b: "^1" }, peerDependencies: { p: "*", q: "*" } },
    "node_modules/a/node_modules/b": { version: "1.1.0", dependencies: { c: "*" } },
    "node_modules/b": { version: "2.0.0", dev: true },
    "node_modules/c": {
      version: "1.0.0",
      optionalDependencies: { d: "*", absent: "*" },
      integrity: "sha512-c",
    },
    "node_modules/d": { version: "1.0.0", dependencies: { e: "*" } },
    "node_modules/e": { version: "1.0.0" },
    "node_modules/o": { version: "1.0.0", dependencies: { c: "*" } },
    "node_modules/p": { version: "1.0.0", peer: true },
    "node_modules/q": { version: "1.0.0" },
    "node_modules/unused": { version: "1.0.0" },
  },
};

function prune(names: readonly string[], from: Lockfile = lockfile): Record<string, object> {
  const pruned = pruneLockfile(manifest("api", lockedVersions(from, names)), from);
  return pruned.packages;
}

describe("pruneLockfile", () => {
  it("follows dependencies where Node would find them, and peers", () => {
    expect(Object.keys(prune(["a"]))).toEqual([
      "",
      "node_modules/a",
      "node_modules/a/node_modules/b",
      "node_modules/c",
      "node_modules/d",
      "node_modules/e",
      "node_modules/p",
      "node_modules/q",
    ]);
  });

  it("marks as optional what only an optional package needs", () => {
    const packages = prune(["a"]);
    expect(packages["node_modules/d"]).toMatchObject({ optional: true });
    expect(packages["node_modules/e"]).toMatchObject({ optional: true });
    expect(packages["node_modules/c"]).not.toHaveProperty("optional");
  });

  it("takes what a bundle imports as needed, also where it is optional to the repository", () => {
    expect(prune(["o"])["node_modules/o"]).not.toHaveProperty("optional");
  });

  it("leaves out optional peers", () => {
    const packages = {
      ...lockfile.packages,
      "node_modules/a": {
        version: "1.0.0",
        peerDependencies: { p: "*", gone: "*" },
        peerDependenciesMeta: { gone: { optional: true } },
      },
    };
    expect(Object.keys(prune(["a"], { packages }))).toEqual(["", "node_modules/a", "node_modules/p"]);
  });

  it("keeps checksums and drops what a package was to the repository", () => {
    const packages = prune(["a"]);
    expect(packages["node_modules/c"]).toMatchObject({ version: "1.0.0", integrity: "sha512-c" });
    expect(packages["node_modules/p"]).not.toHaveProperty("peer");
  });

  it("names a package that is needed and not locked", () => {
    const packages = {
      ...lockfile.packages,
      "node_modules/a": { version: "1.0.0", dependencies: { gone: "*" } },
    };
    expect(() => prune(["a"], { packages })).toThrow("Package gone is needed by node_modules/a");
  });

  it("gives the client no Google client, and no tool of development", async () => {
    const real = await readLockfile(resolve(import.meta.dirname, "../../.."));
    const packages = prune(
      ["@google-cloud/functions-framework", "@tensorflow/tfjs-node", "jose", "zod"],
      real,
    );
    const names = Object.keys(packages);
    expect(names).toContain("node_modules/express");
    expect(names.filter((name) => /firestore|@google-cloud\/storage|vitest|typescript$/.test(name))).toEqual(
      [],
    );
  });
});
