// What a source file imports, and how: the edges of the import graph.
import { posix } from "node:path";
import { parseSync, Visitor } from "oxc-parser";
import { packageName } from "../bundle/packageName.ts";
import type { SourceFile } from "./check.ts";

/** `value` loads with the file, `lazy` is an import(), `type` is gone at run time. */
export type ImportKind = "value" | "lazy" | "type";

/**
 * The end of an edge: a file of the repository, an npm package, one of Node's own modules, or what only run
 * time knows (an import() of an expression).
 */
export type ImportTarget =
  | { readonly file: string }
  | { readonly package: string }
  | { readonly builtin: string }
  | { readonly computed: true };

export interface Import {
  readonly from: string;
  /** From 1. */
  readonly line: number;
  readonly kind: ImportKind;
  readonly to: ImportTarget;
}

/**
 * The imports of a TypeScript or JavaScript file in their order, re-exports and type references
 * (`import("x").Y`) included. `import { type A } from` counts as a value: it loads its module.
 *
 * @throws Error when the file does not parse
 */
export function parseImports({ path, text }: SourceFile): readonly Import[] {
  const { program, errors } = parseSync(path, text);
  const [error] = errors;
  if (error !== undefined) throw new Error(`${path}: ${error.message}`);
  const found: { readonly at: number; readonly kind: ImportKind; readonly to: ImportTarget }[] = [];
  const add = (at: number, kind: ImportKind, specifier: unknown) => {
    found.push({
      at,
      kind,
      to: typeof specifier === "string" ? target(path, specifier) : { computed: true },
    });
  };
  const kindOf = (kind: "type" | "value" | null | undefined) => (kind === "type" ? "type" : "value");
  new Visitor({
    ImportDeclaration: (node) => add(node.start, kindOf(node.importKind), node.source.value),
    ExportAllDeclaration: (node) => add(node.start, kindOf(node.exportKind), node.source.value),
    ExportNamedDeclaration: (node) => {
      if (node.source !== null) add(node.start, kindOf(node.exportKind), node.source.value);
    },
    ImportExpression: (node) =>
      add(node.start, "lazy", node.source.type === "Literal" ? node.source.value : null),
    TSImportType: (node) => add(node.start, "type", node.source.value),
  }).visit(program);
  return found
    .toSorted((a, b) => a.at - b.at)
    .map(({ at, kind, to }) => ({ from: path, line: text.slice(0, at).split("\n").length, kind, to }));
}

function target(from: string, specifier: string): ImportTarget {
  if (specifier.startsWith(".")) return { file: posix.join(posix.dirname(from), specifier) };
  const name = packageName(specifier);
  return name === null ? { builtin: specifier } : { package: name };
}
