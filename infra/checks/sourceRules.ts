// House rules on files that no tool knows: each says what it is for, none names a machine or a registry,
// every function has the same parts.
import type { SourceFile } from "./check.ts";

const code = /\.(ts|mts|js|mjs|tf)$/;

/** The first line of every source file (after `#!`) is a comment that says what it is for. */
export function headerProblems(files: readonly SourceFile[]): readonly string[] {
  return files
    .filter(({ path, text }) => isCode(path, text) && !hasHeader(text))
    .map(({ path }) => `${path}:1 must begin with a comment that says what the file is for`);
}

function isCode(path: string, text: string): boolean {
  return code.test(path) || text.startsWith("#!");
}

function hasHeader(text: string): boolean {
  const lines = text.split("\n", 2);
  const first = lines[0]?.startsWith("#!") === true ? lines[1] : lines[0];
  return /^(\/\/|\/\*\*?|#)\s*\S/.test(first ?? "");
}

/** What must not be committed: it is true on one machine only. */
const foreign: readonly { readonly pattern: RegExp; readonly what: string; readonly but?: string }[] = [
  { pattern: /(?<![\w.:/-])\/(?:work|root|home|Users)\/[\w.-]/, what: "a path of one machine" },
  {
    pattern: /\bregistry\.(?:npmjs|yarnpkg)\b|\bpypi\.org\b|\bartifactory\b/i,
    what: "the address of a registry",
  },
  {
    pattern: /\bfiles\.pythonhosted\b/i,
    what: "the address of a registry",
    // A deployed function is built elsewhere, and takes nothing but the bytes with the hash beside it.
    but: "infra/native/pins.ts",
  },
];

export function foreignProblems(files: readonly SourceFile[]): readonly string[] {
  return files.flatMap(({ path, text }) =>
    text
      .split("\n")
      .flatMap((line, index) =>
        foreign
          .filter(({ pattern, but }) => but !== path && pattern.test(line))
          .map(({ pattern, what }) => `${path}:${index + 1} holds ${what}: ${pattern.exec(line)?.[0]}`),
      ),
  );
}

/** The lockfile leaves it to npm's settings where packages come from; their checksums stay. */
export function lockfileProblems(files: readonly SourceFile[]): readonly string[] {
  return files
    .filter(({ path, text }) => path === "package-lock.json" && text.includes('"resolved":'))
    .map(({ path }) => `${path} has "resolved" addresses: install with the repository's .npmrc`);
}

/** What breaks in a folder whose path holds a blank, `#`, `%`, `?`, a quote or a letter beyond ASCII. */
const brokenPaths: readonly { readonly pattern: RegExp; readonly instead: string }[] = [
  {
    pattern: /import\.meta\.(?:url|resolve\([^()]*\))\)*\.(?:pathname|href\.\w+|slice|substring|replace)\b/,
    instead: "a file URL is not a path: use fileURLToPath",
  },
  {
    pattern: /file:\/\/\$\{|["']file:\/\/["'] *\+|\.(?:replace|slice|split)\((?:["'/^]*file:|["']file:)/,
    instead: "a path is not a URL: use pathToFileURL and fileURLToPath",
  },
  {
    pattern: /#!\$\{/,
    instead: "the first line of a script takes no path with blanks: use /bin/sh and exec",
  },
  {
    pattern:
      /\bshell: *(?:true\b|["']\/)|\bexecSync\(|import \{[^}]*\bexec\b[^}]*\} from "node:child_process"/,
    instead: "a shell splits what it is given: use execFile or spawn with a list",
  },
];
const fileUrl = /\b(?:const|let) (\w+)(?:: URL)? = new URL\([^;]*?import\.meta\./g;

/** Paths are taken from addresses, and commands put together, so that any folder's name will do. */
export function pathProblems(files: readonly SourceFile[]): readonly string[] {
  return files
    .filter(({ path }) => /\.(ts|mts|js|mjs)$/.test(path))
    .flatMap(({ path, text }) => {
      const names = [...text.matchAll(fileUrl)].map(([, name = ""]) => name);
      const named = names.map((name) => ({
        pattern: new RegExp(`\\b${name}\\.pathname\\b`),
        instead: "a file URL is not a path: use fileURLToPath",
      }));
      return text
        .split("\n")
        .flatMap((line, index) =>
          [...brokenPaths, ...named]
            .filter(({ pattern }) => pattern.test(line))
            .map(({ pattern, instead }) => `${path}:${index + 1} has ${pattern.exec(line)?.[0]}: ${instead}`),
        );
    });
}

const parts = ["index.ts", "handler.ts", "deps.ts", "env.ts"];

/** Every function registers, decides, connects and reads its environment in files of the same names. */
export function functionProblems(files: readonly SourceFile[]): readonly string[] {
  const paths = new Set(files.map(({ path }) => path));
  const names = new Set([...paths].flatMap((path) => /^functions\/([^/]+)\//.exec(path)?.[1] ?? []));
  return [...names]
    .toSorted()
    .flatMap((name) =>
      parts
        .filter((part) => !paths.has(`functions/${name}/${part}`))
        .map((part) => `functions/${name} has no ${part}`),
    );
}

/** `skipIf` and `runIf` say why, and are seen in the report; these are forgotten. */
const switchedOff = /\b(?:describe|suite|it|test)(?:\.\w+)*\.(?:only|skip|todo)\b/;

/** No test is switched off, and none switches off the others. */
export function switchedOffProblems(files: readonly SourceFile[]): readonly string[] {
  return files.flatMap(({ path, text }) =>
    path.endsWith(".test.ts")
      ? text.split("\n").flatMap((line, index) => {
          const found = switchedOff.exec(line)?.[0];
          return found === undefined
            ? []
            : [`${path}:${index + 1} has ${found}: run it, or say skipIf and why`];
        })
      : [],
  );
}

/** The formatter's width, which it keeps for code and not for comments. */
const WIDTH = 110;
const scriptComment = /^\s*(?:\/\/|\/?\*(?!\S))|\S\s+\/\/ \S/;
const terraformComment = /^\s*#/;

/** Comments wrap where code does. A word that is longer, such as an address, may stand out. */
export function commentWidthProblems(files: readonly SourceFile[]): readonly string[] {
  return files
    .filter(({ path }) => /\.(ts|mts|mjs|tf)$/.test(path))
    .flatMap(({ path, text }) =>
      text.split("\n").flatMap((line, index) => {
        const comment = path.endsWith(".tf") ? terraformComment : scriptComment;
        if (line.length <= WIDTH || !comment.test(line)) return [];
        const breaks = line.slice(0, WIDTH + 1).lastIndexOf(" ") > line.search(/\w/);
        return breaks && !/["'`].*\/\/ /.test(line) && !line.includes("biome-ignore")
          ? [`${path}:${index + 1} is a comment of ${line.length} characters: wrap it at ${WIDTH}`]
          : [];
      }),
    );
}
