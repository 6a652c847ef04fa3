// The package.json of a bundle: exactly the packages it imports, at the versions of the lockfile.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { FlError } from "../../shared/core/errors.ts";

const Versions = z.record(z.string(), z.string()).optional();
const LockedPackage = z.looseObject({
  version: z.string().optional(),
  license: z.string().optional(),
  integrity: z.string().optional(),
  optional: z.boolean().optional(),
  dependencies: Versions,
  optionalDependencies: Versions,
  peerDependencies: Versions,
  peerDependenciesMeta: z.record(z.string(), z.looseObject({ optional: z.boolean().optional() })).optional(),
});
export type LockedPackage = z.infer<typeof LockedPackage>;

const Lockfile = z.object({ packages: z.record(z.string(), LockedPackage) });
export type Lockfile = z.infer<typeof Lockfile>;

/** The package at a place such as `node_modules/a/node_modules/@scope/b`. */
export function nameOf(place: string): string {
  return place.slice(place.lastIndexOf("node_modules/") + "node_modules/".length);
}

/** What a package.json says. */
export interface Manifest {
  readonly name: string;
  readonly private: true;
  readonly type: "module";
  readonly main: string;
  /** Where the files under other names are. */
  readonly imports: Readonly<Record<string, string>> | undefined;
  /** `gcp-build` is run by the region's build, after the packages are installed. */
  readonly scripts: Readonly<Record<string, string>> | undefined;
  readonly dependencies: Readonly<Record<string, string>>;
}

export async function readLockfile(root: string): Promise<Lockfile> {
  return Lockfile.parse(JSON.parse(await readFile(join(root, "package-lock.json"), "utf8")));
}

/**
 * What a package loads and does not declare. It is found by chance of where npm puts things, so it is
 * declared for it.
 */
const undeclared: Readonly<Record<string, readonly string[]>> = { "@tensorflow/tfjs-node": ["long"] };

/**
 * The locked version of each package and of what it takes undeclared, by name in alphabetical order.
 *
 * @throws FlError("failed-precondition") for a package that the lockfile does not have
 */
export function lockedVersions(
  lockfile: Lockfile,
  packages: readonly string[],
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    packages
      .flatMap((name) => [name, ...(undeclared[name] ?? [])])
      .toSorted()
      .map((name) => {
        const version = lockfile.packages[`node_modules/${name}`]?.version;
        if (version === undefined) {
          throw new FlError(
            "failed-precondition",
            `Package ${name} is imported but not in package-lock.json.`,
          );
        }
        return [name, version];
      }),
  );
}

/**
 * The package of native TensorFlow: a function that imports it has a build step that gives it the library.
 */
export const NATIVE_PACKAGE = "@tensorflow/tfjs-node";

/**
 * What a function imports is never optional to it, even if it is to the repository. No package's install
 * script runs: npm verifies what it installs, but not what a script downloads. The build step still runs,
 * because it is called by name.
 */
export const NPM_SETTINGS = "ignore-scripts=true\n";

export function manifest(
  functionName: string,
  versions: Readonly<Record<string, string>>,
  imports?: Readonly<Record<string, string>>,
): Manifest {
  return {
    name: `fedstratus-${functionName}`,
    private: true,
    type: "module",
    main: "index.mjs",
    imports,
    scripts: NATIVE_PACKAGE in versions ? { "gcp-build": "node native/install.mjs" } : undefined,
    dependencies: versions,
  };
}
