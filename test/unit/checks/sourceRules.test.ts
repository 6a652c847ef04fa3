// Each house rule on files catches its violation. What is forbidden is put together here, so that this file
// passes too.
import { describe, expect, it } from "vitest";
import {
  commentWidthProblems,
  foreignProblems,
  functionProblems,
  headerProblems,
  lockfileProblems,
  pathProblems,
  switchedOffProblems,
} from "../../../infra/checks/sourceRules.ts";

const one = (path: string, text: string) => [{ path, text }];

describe("headerProblems", () => {
  it.each([
    ["a.ts", "// What it is for.\nexport {};\n"],
    ["a.mjs", "#!/usr/bin/env node\n// What it is for.\n"],
    ["a.ts", "/** What it is for. */\n"],
    ["run", "#!/usr/bin/env bash\n# What it is for.\n"],
    ["main.tf", "# What it is for.\n"],
    ["data.json", "{}"],
    ["README.md", "Text"],
  ])("lets %s be when it begins with %j", (path, text) => {
    expect(headerProblems(one(path, text))).toEqual([]);
  });

  it.each([
    ["a.ts", 'import "./b.ts";\n// What it is for.\n'],
    ["a.ts", ""],
    ["a.ts", "//\n"],
    ["a.ts", "\n// What it is for.\n"],
    ["a.mjs", "#!/usr/bin/env node\nimport 'fs';\n"],
    ["run", "#!/bin/sh\n"],
    ["main.tf", 'resource "x" "y" {}\n'],
  ])("refuses %s that begins with %j", (path, text) => {
    expect(headerProblems(one(path, text))).toEqual([
      `${path}:1 must begin with a comment that says what the file is for`,
    ]);
  });
});

describe("foreignProblems", () => {
  it.each([
    ["/", "work/main/a.ts"],
    ["/", "root/.npmrc"],
    ["/", "home/ada/data"],
    ["/", "Users/ada/data"],
    ["registry.", "npmjs.org"],
    ["files.", "pythonhosted.org"],
  ])("finds %s%s wherever it stands", (start, end) => {
    for (const text of [`a\nx = "${start}${end}"`, `a\n${start}${end}`, `a\n(${start}${end})`]) {
      expect(foreignProblems(one("README.md", text))).toEqual([
        expect.stringMatching(/^README\.md:2 holds (a path of one machine|the address of a registry): /),
      ]);
    }
  });

  it.each(["https://example.com/work/items", "./work/a", "src/root/a", "/v1/runs", "/workspace/a", "pip"])(
    "lets %s be",
    (text) => {
      expect(foreignProblems(one("a.ts", text))).toEqual([]);
    },
  );
});

describe("lockfileProblems", () => {
  const entry = { version: "1.0.0", integrity: "sha512-x" };

  it("refuses addresses in the lockfile", () => {
    const text = JSON.stringify({ packages: { a: { ...entry, resolved: "https://example.com/a.tgz" } } });
    expect(lockfileProblems(one("package-lock.json", text))).toHaveLength(1);
  });

  it("lets checksums be, and other files say what they like", () => {
    expect(lockfileProblems(one("package-lock.json", JSON.stringify({ a: entry })))).toEqual([]);
    expect(lockfileProblems(one("a.json", '{"resolved":1}'))).toEqual([]);
  });
});

describe("pathProblems", () => {
  const ofThisFile = ["import", "meta", "url"].join(".");
  const path = ["path", "name"].join("");

  it.each([
    `new URL("./a", ${ofThisFile}).${path}`,
    `new URL(${ofThisFile}).${path}`,
    `new URL(".", ${ofThisFile.replace("url", 'resolve("a")')}).${path}`,
    `${ofThisFile}.slice(7)`,
    `const root = new URL("../", ${ofThisFile});\nread(root.${path})`,
    `const root: URL = new URL(\n  "../",\n  ${ofThisFile},\n);\nread(root.${path})`,
    `\`file:/${"/"}\${folder}\``,
    `"file:/${"/"}" + folder`,
    `address.replace("${"file"}:/${"/"}", "")`,
    `writeFile(path, \`#${"!"}\${process.execPath}\`)`,
    `spawn("npm", { shell${":"} true })`,
    `exec${"Sync"}("ls " + folder)`,
    `import { ${"exec"}, spawn } from "node:child_process";`,
  ])("refuses %s", (text) => {
    expect(pathProblems(one("a.ts", text))).toEqual([expect.stringMatching(/^a\.ts:\d+ has .+: .*use /)]);
  });

  it.each([
    `fileURLToPath(new URL("./a", ${ofThisFile}))`,
    `const root = new URL("../", ${ofThisFile});\nnew URL("a", root)`,
    `const url = new URL(request.url);\nroute(url.${path})`,
    'address.startsWith("file://")',
    'import { execFile, spawn } from "node:child_process";',
    'pattern.exec("a")',
  ])("lets %s be", (text) => {
    expect(pathProblems(one("a.ts", text))).toEqual([]);
    expect(pathProblems(one("README.md", `file:/${"/"}\${folder}`))).toEqual([]);
  });
});

describe("switchedOffProblems", () => {
  it.each(["it", "describe", "test", "it.concurrent"])("finds what switches %s off", (name) => {
    for (const word of ["only", "skip", "todo"]) {
      const text = `// A test.\n${name}.${word}("x", () => {});\n${name}.${word}.each([1])("x", () => {});`;
      expect(switchedOffProblems(one("a.test.ts", text))).toEqual([
        `a.test.ts:2 has ${name}.${word}: run it, or say skipIf and why`,
        `a.test.ts:3 has ${name}.${word}: run it, or say skipIf and why`,
      ]);
    }
  });

  it("lets conditions with a reason be, and other files", () => {
    expect(
      switchedOffProblems(one("a.test.ts", 'describe.skipIf(x)("needs Java", f); it.runIf(y);')),
    ).toEqual([]);
    expect(switchedOffProblems(one("a.ts", `it.${"only"}("x")`))).toEqual([]);
  });
});

describe("functionProblems", () => {
  const parts = (name: string, ...files: readonly string[]) =>
    files.map((file) => ({ path: `functions/${name}/${file}.ts`, text: "" }));

  it("names the parts that a function lacks", () => {
    const files = [
      ...parts("api", "index", "handler", "deps", "env", "more"),
      ...parts("client", "index", "deps"),
    ];
    expect(functionProblems(files)).toEqual([
      "functions/client has no handler.ts",
      "functions/client has no env.ts",
    ]);
  });
});

describe("the width of comments", () => {
  const words = (length: number) => `${"word ".repeat(30)}`.slice(0, length - 1).concat("x");

  it.each([
    ["a line", "// ", "a.ts"],
    ["a doc comment", " * ", "a.mjs"],
    ["Terraform", "# ", "a.tf"],
    ["beside code", "run(); // ", "a.ts"],
  ])("is at most the formatter's: %s", (_what, head, path) => {
    const just = head + words(110 - head.length);
    expect(commentWidthProblems([{ path, text: just }])).toEqual([]);
    expect(commentWidthProblems([{ path, text: `\n${just}x` }])).toEqual([
      `${path}:2 is a comment of 111 characters: wrap it at 110`,
    ]);
  });

  it("is not for code, text or an address that is longer", () => {
    for (const text of [`call(${words(120)})`, `// https://example.org/${"x".repeat(120)}`]) {
      expect(commentWidthProblems([{ path: "a.ts", text }])).toEqual([]);
    }
    expect(commentWidthProblems([{ path: "a.md", text: `# ${words(120)}` }])).toEqual([]);
  });
});
