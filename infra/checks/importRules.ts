// Which part of the repository may import which: functions → shared/http, shared/cloud → shared/core, and
// nothing the other way.
import type { Import, ImportKind } from "./parseImports.ts";

interface Area {
  /** Its files: the path begins with this. */
  readonly folder: string;
  /** Folders it may import from, besides its own. */
  readonly mayImport: readonly string[];
  /** The packages it may import; absent: any. */
  readonly packages?: readonly string[];
  /** Whether Node's own modules are barred: it has no I/O. */
  readonly isPure?: boolean;
  /** How it may import heavy packages; absent: not at all. */
  readonly heavy?: readonly ImportKind[];
}

const shared = ["shared/core/", "shared/cloud/", "shared/http/"];
/** What a function declares of its environment: the local cloud gives it that, and no more. */
const environments = ["api", "coordinator", "aggregator", "evaluator", "client"].map(
  (name) => `functions/${name}/env.ts`,
);
const areas: readonly Area[] = [
  { folder: "shared/core/", mayImport: [], packages: ["zod"], isPure: true },
  { folder: "shared/cloud/", mayImport: ["shared/core/"], heavy: ["lazy", "type"] },
  {
    folder: "shared/http/",
    mayImport: [
      "shared/core/",
      "shared/cloud/auth/",
      "shared/cloud/log.ts",
      "shared/cloud/steps.ts",
      "shared/cloud/trace.ts",
    ],
    packages: ["zod", "@google-cloud/functions-framework"],
  },
  { folder: "functions/", mayImport: shared, packages: ["zod"] },
  // New projects begin with the examples' documents.
  { folder: "infra/fedstratus/templates/", mayImport: ["shared/core/", "infra/fedstratus/", "examples/"] },
  { folder: "infra/", mayImport: [...shared, ...environments], heavy: ["type"] },
  { folder: "examples/", mayImport: ["shared/core/", "infra/data/"] },
  {
    folder: "test/",
    mayImport: [...shared, "functions/", "infra/", "examples/"],
    heavy: ["value", "lazy", "type"],
  },
];

/**
 * The parts of shared/core, each of which may import itself and those before it. A file is of the first part
 * that its path matches. What specs take of methods comes before the schemas, what methods do comes after
 * them.
 */
const coreParts: readonly { readonly name: string; readonly files: RegExp }[] = [
  { name: "base", files: /^(errors|failureReasons|murmur3|random)\.ts$/ },
  { name: "numbers", files: /^(updates|sums|clustering)\// },
  { name: "words", files: /^schemas\/(cannot|client|failure|ids|loss|ownCode)\.ts$/ },
  {
    name: "options of methods",
    files:
      /^methods\/(face\.ts|registry\/[a-z]+Faces\.ts|[a-z]+\/([a-z0-9-]+\/face|[a-zA-Z]*[oO]ptions|encodings|robust|staleness|tiersOf)\.ts)$/,
  },
  { name: "schemas", files: /^schemas\// },
  { name: "metrics", files: /^metrics\// },
  { name: "data", files: /^data\// },
  { name: "cost", files: /^cost\// },
  { name: "models", files: /^models\// },
  { name: "protocol", files: /^(protocol\/|steps\.ts$)/ },
  { name: "methods", files: /^methods\// },
  { name: "roster", files: /^roster\// },
  { name: "ports", files: /^ports\// },
  { name: "round", files: /^round\// },
];

/** What costs a cold start most, and what a client function must not have. */
const heavyPackages =
  /^(@google-cloud\/(firestore|storage|tasks)|google-auth-library|google-gax|@tensorflow\/.+)$/;

/** The imports that break a rule, one line each; then every cycle. */
export function importProblems(imports: readonly Import[]): readonly string[] {
  const broken = imports.flatMap((one) => {
    const reason = whyNot(one);
    return reason === null ? [] : [`${one.from}:${one.line} ${reason}`];
  });
  return [...broken, ...importCycles(imports).map((cycle) => `${cycle.join(" → ")}: a cycle`)];
}

function whyNot({ from, kind, to }: Import): string | null {
  const area = areas.find(({ folder }) => from.startsWith(folder));
  if (area === undefined) return null; // Configuration at the root.
  if ("file" in to) {
    return mayImportFile(area, from, to.file) ? whyNotPart(from, to.file) : `must not import ${to.file}`;
  }
  if ("computed" in to) {
    return area.folder === "test/"
      ? null
      : "must name what it imports: import() of an expression escapes every check";
  }
  if ("builtin" in to) return area.isPure === true ? `is pure and must not import ${to.builtin}` : null;
  return whyNotPackage(area, kind, to.package);
}

function mayImportFile(area: Area, from: string, to: string): boolean {
  if (area.mayImport.some((folder) => to.startsWith(folder))) return true;
  return to.startsWith(ownFolder(area, from));
}

function whyNotPart(from: string, to: string): string | null {
  const core = "shared/core/";
  if (!from.startsWith(core) || !to.startsWith(core) || isSameMethod(from, to)) return null;
  const [own, other] = [from, to].map((path) =>
    coreParts.findIndex(({ files }) => files.test(path.slice(core.length))),
  );
  if (own === undefined || other === undefined) return null;
  if (own === -1) return `is of no part of ${core}: name its part in infra/checks/importRules.ts`;
  return other <= own
    ? null
    : `must not import ${to}: in ${core} ${coreParts[own]?.name} comes before ${coreParts[other]?.name}`;
}

/** A method's own folder is its own affair. */
function isSameMethod(from: string, to: string): boolean {
  const [folder] = /^shared\/core\/methods\/[^/]+\/[^/]+\//.exec(from) ?? [];
  return folder !== undefined && to.startsWith(folder);
}

/** A function's own folder is its own, not those of the other functions. */
function ownFolder({ folder }: Area, from: string): string {
  return folder === "functions/" ? from.split("/").slice(0, 2).join("/").concat("/") : folder;
}

function whyNotPackage(area: Area, kind: ImportKind, name: string): string | null {
  if (area.packages !== undefined && !area.packages.includes(name)) {
    return `must not import ${name}: ${area.folder} has only ${area.packages.join(" and ")}`;
  }
  if (!heavyPackages.test(name) || area.heavy?.includes(kind) === true) return null;
  return area.heavy?.includes("lazy") === true
    ? `must load ${name} with await import(), or import only its types`
    : `must not load ${name}: that is shared/cloud's alone`;
}

/** The shortest way back to itself from each file that has one; one cycle for each set of files in it. */
function importCycles(imports: readonly Import[]): readonly (readonly string[])[] {
  const next = new Map<string, string[]>();
  for (const { from, to } of imports) {
    if (!("file" in to)) continue;
    const known = next.get(from);
    if (known === undefined) next.set(from, [to.file]);
    else known.push(to.file);
  }
  const cycles = new Map<string, readonly string[]>();
  for (const start of [...next.keys()].toSorted()) {
    const cycle = wayBack(start, next);
    if (cycle === null) continue;
    const files = cycle.toSorted().join("\n");
    if (!cycles.has(files)) cycles.set(files, [...cycle, start]);
  }
  return [...cycles.values()];
}

/** The files of a shortest cycle through `start`, from it on; null when there is none. O(files + imports). */
function wayBack(start: string, next: ReadonlyMap<string, readonly string[]>): readonly string[] | null {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (const file of queue) {
    for (const imported of next.get(file) ?? []) {
      if (imported === start) return pathTo(file, start, cameFrom);
      if (cameFrom.has(imported)) continue;
      cameFrom.set(imported, file);
      queue.push(imported);
    }
  }
  return null;
}

function pathTo(end: string, start: string, cameFrom: ReadonlyMap<string, string>): readonly string[] {
  const path = [end];
  for (let file = end; file !== start; ) {
    file = cameFrom.get(file) ?? start;
    path.unshift(file);
  }
  return path;
}
