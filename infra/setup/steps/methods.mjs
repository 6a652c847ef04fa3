// Set-up step: the registry of methods, made of the folders in shared/core/methods, so that a new method is a
// folder and no more.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { requireWritable } from "../writable.mjs";

/** What a method is about; each has a folder in shared/core/methods, and in it a folder a method. */
const KINDS = ["aggregation", "relay", "selection", "training", "update"];

const HEAD =
  "Made of the folders in shared/core/methods by infra/setup/steps/methods.mjs, and not kept in Git: do not edit.";

/**
 * Writes shared/core/methods/registry, where it is not yet as the folders say.
 *
 * A method's folder has the method's name, a `face.ts` that exports `face` and an `index.ts` that exports
 * `behaviour`. Faces are apart from behaviours, because every function reads a run's spec and none needs all
 * methods.
 *
 * @param {string} root
 * @throws {Error} naming each folder whose name or files are not as they must be.
 */
export function ensureMethods(root) {
  const methods = join(root, "shared", "core", "methods");
  const registry = join(methods, "registry");
  const byKind = KINDS.map((kind) => ({ kind, names: namesIn(join(methods, kind)) }));
  const problems = byKind.flatMap(({ kind, names }) => problemsOf(join(methods, kind), kind, names));
  if (problems.length > 0) throw new Error(problems.join("\n"));
  const wanted = new Map([
    ...byKind.map(({ kind, names }) => [`${kind}Faces.ts`, facesOf(kind, names)]),
    ...byKind.map(({ kind, names }) => [`${kind}.ts`, behavioursOf(kind, names)]),
  ]);
  const there = existsSync(registry) ? readdirSync(registry) : [];
  const gone = there.filter((name) => !wanted.has(name));
  const stale = [...wanted].filter(
    ([name, text]) => !there.includes(name) || readFileSync(join(registry, name), "utf8") !== text,
  );
  if (gone.length + stale.length === 0) return;
  requireWritable(root, "its registry of methods is not made yet");
  mkdirSync(registry, { recursive: true });
  for (const name of gone) rmSync(join(registry, name));
  for (const [name, text] of stale) writeFileSync(join(registry, name), text);
}

/** @param {string} folder */
function namesIn(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

/** @param {string} folder @param {string} kind @param {readonly string[]} names */
function problemsOf(folder, kind, names) {
  return names.flatMap((name) => [
    ...(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)
      ? []
      : [
          `shared/core/methods/${kind}/${name}: name the folder as specs name the method, such as trimmed-mean`,
        ]),
    ...["face.ts", "index.ts"]
      .filter((file) => !existsSync(join(folder, name, file)))
      .map((file) => `shared/core/methods/${kind}/${name}/${file} is missing`),
  ]);
}

/** @param {string} kind @param {readonly string[]} names */
function facesOf(kind, names) {
  return [
    `// ${HEAD}`,
    ...names.map((name) => `import { face as ${identifier(kind, name)} } from "../${kind}/${name}/face.ts";`),
    "",
    `export const ${kind}Faces = [${names.map((name) => identifier(kind, name)).join(", ")}] as const;`,
    `export const ${kind}Options = [${names.map((name) => `${identifier(kind, name)}.options`).join(", ")}] as const;`,
    "",
  ].join("\n");
}

/** @param {string} kind @param {readonly string[]} names */
function behavioursOf(kind, names) {
  return [
    `// ${HEAD}`,
    ...names.map(
      (name) => `import { behaviour as ${identifier(kind, name)} } from "../${kind}/${name}/index.ts";`,
    ),
    "",
    `export const ${kind}Behaviours = {`,
    ...names.map((name) => `  ${JSON.stringify(name)}: ${identifier(kind, name)},`),
    "} as const;",
    "",
  ].join("\n");
}

/** @param {string} kind @param {string} name */
function identifier(kind, name) {
  return `${kind}_${name.replaceAll("-", "_")}`;
}
