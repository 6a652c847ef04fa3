// The package-lock.json of a bundle: of the repository's lockfile, what the bundle's own packages need, in
// the same places.
import { FlError } from "../../shared/core/errors.ts";
import type { LockedPackage, Lockfile, Manifest } from "./manifest.ts";

/**
 * The lockfile for a manifest. Every package keeps its version, its checksum and its place, so that an
 * install gives what the repository was tested with. Linear in the number of packages.
 *
 * @throws FlError("failed-precondition") for a package that is needed and that the lockfile does not have
 */
export function pruneLockfile(manifest: Manifest, lockfile: Lockfile): PrunedLockfile {
  const { name, dependencies } = manifest;
  const root: LockedPackage = { dependencies };
  const needed = reach(root, lockfile, false);
  const all = reach(root, lockfile, true);
  const packages = [...all].toSorted().map((path) => {
    const entry = Object.entries(lockfile.packages[path] ?? {}).filter(([field]) => !placeFlags.has(field));
    return [path, { ...Object.fromEntries(entry), ...(needed.has(path) ? {} : { optional: true }) }];
  });
  return {
    name,
    lockfileVersion: 3,
    requires: true,
    packages: { "": { name, dependencies }, ...Object.fromEntries(packages) },
  };
}

interface PrunedLockfile extends Lockfile {
  readonly name: string;
  readonly lockfileVersion: number;
  readonly requires: boolean;
}

/** The places that the package at a place (the function itself: "") loads from, optional ones included. */
export function dependenciesOf(place: string, lockfile: Lockfile): readonly string[] {
  const edges = edgesOf(lockfile.packages[place] ?? {});
  return edges.flatMap(({ name }) => locate(place, name, lockfile) ?? []);
}

/** What a package is to the repository; to the bundle it may be something else. */
const placeFlags = new Set(["dev", "devOptional", "optional", "peer"]);

/** The places of all packages that are reached from `root`. */
function reach(root: LockedPackage, lockfile: Lockfile, withOptional: boolean): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (path: string, entry: LockedPackage): void => {
    for (const { name, isOptional } of edgesOf(entry)) {
      if (isOptional && !withOptional) continue;
      const target = locate(path, name, lockfile);
      if (target !== undefined) found.add(target);
      else if (!isOptional) {
        throw new FlError(
          "failed-precondition",
          `Package ${name} is needed by ${path || "a bundle"} but not in package-lock.json: run npm install.`,
        );
      }
    }
  };
  visit("", root);
  for (const path of found) visit(path, lockfile.packages[path] ?? {}); // Goes on with what it adds.
  return found;
}

function edgesOf(entry: LockedPackage): readonly { name: string; isOptional: boolean }[] {
  const { dependencies = {}, optionalDependencies = {}, peerDependencies = {}, peerDependenciesMeta } = entry;
  const required = Object.keys(dependencies).filter((name) => !(name in optionalDependencies));
  const peers = Object.keys(peerDependencies).filter(
    (name) => peerDependenciesMeta?.[name]?.optional !== true,
  );
  return [
    ...[...required, ...peers].map((name) => ({ name, isOptional: false })),
    ...Object.keys(optionalDependencies).map((name) => ({ name, isOptional: true })),
  ];
}

/** Where Node finds `name` from the package at `path`: beside it, or with one of those around it. */
function locate(path: string, name: string, { packages }: Lockfile): string | undefined {
  for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf("node_modules/") - 1))) {
    const candidate = at === "" ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    if (candidate in packages) return candidate;
    if (at === "") return undefined;
  }
}
