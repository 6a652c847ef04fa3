// The package.json of a bundle: exactly the packages it imports, at the versions of the lockfile.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { FlError } from "../../shared/core/errors.ts";

const Versions = z.record(z.string(), z.string()).optional();
const LockedPackage = z.looseObject({
  version: z.string().optional(),
  dependencies: Versions,
  optionalDependencies: Versions,
  peerDependencies: Versions,
  peerDependenciesMeta: z.record(z.string(), z.looseObject({ optional: z.boolean().optional() })).optional(),
});
export type LockedPackage = z.infer<typeof LockedPackage>;

const Lockfile = z.object({ packages: z.record(z.string(), LockedPackage) });
export type Lockfile = z.infer<typeof Lockfile>;

/** What a package.json says. */
export interface Manifest {
  readonly name: string;
  readonly private: true;
  readonly type: "module";
  readonly main: string;
  readonly dependencies: Record<string, string> | undefined;
  readonly optionalDependencies: Record<string, string> | undefined;
}

export async function readLockfile(root: string): Promise<Lockfile> {
  return Lockfile.parse(JSON.parse(await readFile(join(root, "package-lock.json"), "utf8")));
}

/**
 * The locked version of each package, by name in alphabetical order.
 *
 * @throws FlError("failed-precondition") for a package that the lockfile does not have
 */
export function lockedVersions(
  lockfile: Lockfile,
  packages: readonly string[],
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    packages.toSorted().map((name) => {
      const version = lockfile.packages[`node_modules/${name}`]?.version;
      if (version === undefined) {
        throw new FlError("failed-precondition", `Package ${name} is imported but not in package-lock.json.`);
      }
      return [name, version];
    }),
  );
}

/** What is optional for the repository is optional for the function: it has another way when the package is absent. */
export function manifest(
  functionName: string,
  versions: Readonly<Record<string, string>>,
  lockfile: Lockfile,
): Manifest {
  const optional = lockfile.packages[""]?.optionalDependencies ?? {};
  const pick = (wanted: boolean) => {
    const entries = Object.entries(versions).filter(([name]) => name in optional === wanted);
    return entries.length === 0 ? undefined : Object.fromEntries(entries);
  };
  return {
    name: `fedstratus-${functionName}`,
    private: true,
    type: "module",
    main: "index.mjs",
    dependencies: pick(false),
    optionalDependencies: pick(true),
  };
}
