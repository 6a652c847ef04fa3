// What counts as an import, of which kind and on which line.
import { describe, expect, it } from "vitest";
import { parseImports } from "../../../infra/checks/parseImports.ts";

const parse = (text: string, path = "shared/cloud/a.ts") => parseImports({ path, text });

describe("parseImports", () => {
  it.each([
    ['import x from "zod";', "value"],
    ['import "zod";', "value"],
    ['import { type A } from "zod";', "value"],
    ['import type { A } from "zod";', "type"],
    ['import type * as z from "zod";', "type"],
    ['export { a } from "zod";', "value"],
    ['export * from "zod";', "value"],
    ['export type { A } from "zod";', "type"],
    ['export type * from "zod";', "type"],
    ['const z = await import("zod");', "lazy"],
    ['type A = typeof import("zod");', "type"],
    ['let a: import("zod").A;', "type"],
  ])("%s is a %s import", (text, kind) => {
    expect(parse(text)).toEqual([{ from: "shared/cloud/a.ts", line: 1, kind, to: { package: "zod" } }]);
  });

  it("finds imports inside functions, with their lines in order", () => {
    const text = 'import "node:fs";\nfunction f() {\n  return import("./b.ts");\n}\nimport "../core/c.ts";\n';
    expect(parse(text).map(({ line, kind, to }) => ({ line, kind, to }))).toEqual([
      { line: 1, kind: "value", to: { builtin: "node:fs" } },
      { line: 3, kind: "lazy", to: { file: "shared/cloud/b.ts" } },
      { line: 5, kind: "value", to: { file: "shared/core/c.ts" } },
    ]);
  });

  it.each([
    ["@google-cloud/tasks/build/protos", { package: "@google-cloud/tasks" }],
    ["zod/v4", { package: "zod" }],
    ["fs", { builtin: "fs" }],
    ["node:fs/promises", { builtin: "node:fs/promises" }],
    ["./b.ts", { file: "shared/cloud/b.ts" }],
    ["../../functions/api/b.ts", { file: "functions/api/b.ts" }],
  ])("resolves %s", (specifier, to) => {
    expect(parse(`import "${specifier}";`)).toMatchObject([{ to }]);
  });

  it("reports an import() of an expression", () => {
    expect(parse('const name = "zod"; await import(name);')).toMatchObject([{ to: { computed: true } }]);
    expect(parse("await import(`./$" + "{x}.ts`);")).toMatchObject([{ to: { computed: true } }]);
  });

  it("reads plain JavaScript and declaration files, and is not misled by text", () => {
    expect(parse('// import "zod";\nconst s = \'import "jose"\';', "infra/setup/a.mjs")).toEqual([]);
    expect(parse("export function f(): void;", "infra/setup/a.d.mts")).toEqual([]);
    expect(parse("export { a };\nconst a = 1;")).toEqual([]);
  });

  it("refuses a file that does not parse, naming it", () => {
    expect(() => parse("import {")).toThrow("shared/cloud/a.ts");
  });
});
