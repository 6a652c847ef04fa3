// The launcher as a process, on a small clone with an npm of its own: installs when needed, then is the
// command.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

vi.setConfig({ testTimeout: 60_000 }); // Each test starts several processes.

const project = fileURLToPath(new URL("../../../", import.meta.url));
const lock = (version: string) => JSON.stringify({ packages: { "": {}, "node_modules/a": { version } } });

/**
 * Does what `npm ci` does, as far as the launcher can see: the packages, the pinned Node, and a note of the
 * call.
 */
const npm = `import fs from "node:fs";
fs.appendFileSync("npm-calls", process.argv.slice(2).join(" ") + "\\n");
if (fs.existsSync("npm-fails")) { console.log("npm error: no registry"); process.exit(1); }
fs.mkdirSync("node_modules/.bin", { recursive: true });
fs.rmSync("node_modules/.bin/node", { force: true });
fs.symlinkSync(process.execPath, "node_modules/.bin/node");
fs.copyFileSync("package-lock.json", "node_modules/.package-lock.json");
`;

/** A folder's name may hold whatever means something else in an address, to a shell or in a pattern. */
const awkward = "fedstratus a b #1 %41 ?q é $HOME 'x' \"y\" &;(*)[z]-";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), awkward));
  for (const folder of ["infra/setup", "infra/data", "infra/native"]) {
    cpSync(join(project, folder), join(root, folder), { recursive: true });
  }
  writeFileSync(join(root, "package.json"), '{ "type": "module" }');
  writeFileSync(join(root, "package-lock.json"), lock("1.0.0"));
  mkdirSync(join(root, "bin"));
  writeFileSync(join(root, "bin", "npm.mjs"), npm);
  // Node's own path may hold blanks, which the first line of a script must not.
  writeFileSync(join(root, "bin", "npm"), '#!/bin/sh\nexec "$TEST_NODE" "$(dirname "$0")/npm.mjs" "$@"\n', {
    mode: 0o755,
  });
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function start(
  args: readonly string[],
  user: { readonly uid?: number; readonly gid?: number } = {},
): { child: ChildProcess; ended: Promise<Outcome> } {
  const child = spawn(process.execPath, [join(root, "infra/setup/launch.mjs"), ...args], {
    cwd: root,
    ...user,
    env: {
      ...process.env,
      PATH: `${join(root, "bin")}:${process.env["PATH"]}`,
      TEST_NODE: process.execPath,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (data: Buffer) => {
    out += data.toString();
  });
  child.stderr.on("data", (data: Buffer) => {
    err += data.toString();
  });
  const ended = once(child, "close").then(([code]) => ({ code: code as number | null, out, err }));
  return { child, ended };
}

const launch = (...args: string[]) => start(args).ended;
const npmCalls = () =>
  existsSync(join(root, "npm-calls")) ? readFileSync(join(root, "npm-calls"), "utf8").trim().split("\n") : [];

test("installs once, then runs the command with its arguments and exit code", async () => {
  writeFileSync(
    join(root, "command.ts"),
    "console.log(process.argv.slice(2).join('|')); process.exitCode = 7;",
  );
  const first = await launch("--", join(root, "command.ts"), "--with", "a b");
  expect(first).toMatchObject({ code: 7, out: "--with|a b\n" });
  expect(first.err).toMatch(/^> Installing packages.*\n✓ Installing packages.*\nSet up: Node .*\n$/);
  const second = await launch("--", join(root, "command.ts"));
  expect(second.err.trim().split("\n")).toHaveLength(1);
  expect(npmCalls()).toEqual(["ci --loglevel=error --no-progress"]);
});

test("installs again when the lockfile has changed", async () => {
  await launch("--", "node", "--version");
  writeFileSync(join(root, "package-lock.json"), lock("1.0.1"));
  await launch("--", "node", "--version");
  expect(npmCalls()).toHaveLength(2);
});

test("the project's own binaries come first", async () => {
  const { out } = await launch("--", "node", "-p", "process.env.PATH.split(':')[0]");
  expect(out.trim()).toBe(join(root, "node_modules", ".bin"));
});

test("an install that fails shows the end of its output, and nothing runs", async () => {
  writeFileSync(join(root, "npm-fails"), "");
  const { code, out, err } = await launch("--", "node", "-p", "'ran'");
  expect(code).toBe(1);
  expect(out).toBe("");
  expect(err).toContain("npm ci failed");
  expect(err).toContain("npm error: no registry");
});

test("two at once install once", async () => {
  const outcomes = await Promise.all([launch("--", "node", "-p", "1"), launch("--", "node", "-p", "1")]);
  expect(outcomes.map(({ code }) => code)).toEqual([0, 0]);
  expect(npmCalls()).toHaveLength(1);
});

/** Nobody but root may do this as another user; root itself may write anywhere. */
const asNobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

function makeReadOnly(): void {
  for (const name of ["", ...readdirSync(root, { recursive: true, encoding: "utf8" })]) {
    const path = join(root, name);
    if (!lstatSync(path).isSymbolicLink()) chmodSync(path, lstatSync(path).isDirectory() ? 0o555 : 0o444);
  }
}

describe.skipIf(process.platform === "win32")("a checkout that this user may not write to", () => {
  afterEach(() => {
    for (const name of ["", ...readdirSync(root, { recursive: true, encoding: "utf8" })]) {
      const path = join(root, name);
      if (!lstatSync(path).isSymbolicLink() && lstatSync(path).isDirectory()) chmodSync(path, 0o755);
    }
  });

  test("works once it is set up", async () => {
    await launch("--", "node", "-p", "1");
    makeReadOnly();
    const outcome = await start(["--", "node", "-p", "'ran'"], asNobody).ended;
    expect(outcome).toMatchObject({ code: 0, out: "ran\n" });
    expect(outcome.err.trim().split("\n")).toHaveLength(1);
  });

  test("says before that in one sentence what is missing, and what to do", async () => {
    makeReadOnly();
    const outcome = await start(["--", "node", "-p", "'ran'"], asNobody).ended;
    expect(outcome).toMatchObject({ code: 1, out: "" });
    expect(outcome.err.trim().split("\n")).toEqual([
      `${join(root, "/")} cannot be written to (this user may not write there), and its packages are not those of the lockfile: ` +
        "run this once as a user who may write there, or copy the checkout to a folder of yours and run it there.",
    ]);
  });
});

test("a lock whose holder is dead is taken over", async () => {
  mkdirSync(join(root, ".cache"));
  writeFileSync(join(root, ".cache", "setup.lock"), "999999999");
  expect((await launch("--", "node", "-p", "1")).code).toBe(0);
  expect(existsSync(join(root, ".cache", "setup.lock"))).toBe(false);
});

test.each([
  ["SIGTERM", 143],
  ["SIGINT", 130],
] as const)("%s reaches the command, whose end is the launcher's", async (signal, code) => {
  await launch("--", "node", "-p", "1");
  const { child, ended } = start(["--", "node", "-e", "console.log('up'); setInterval(() => {}, 1000)"]);
  await once(child.stdout ?? child, "data");
  child.kill(signal);
  expect((await ended).code).toBe(code);
});

test.each([
  ["nothing to run", []],
  ["nothing after the separator", ["--"]],
  ["an unknown option", ["--without", "data", "--", "node"]],
])("%s is answered with how to call it", async (_, args) => {
  const { code, err } = await launch(...args);
  expect(code).toBe(1);
  expect(err).toContain("usage: node infra/setup/launch.mjs");
});

test("the tests say that Vitest cannot run in a folder of such a name", async () => {
  const { code, err } = await launch("--", "vitest", "run");
  expect(code).toBe(1);
  expect(err).toMatch(
    /^The tests cannot run in .+: Vitest loads nothing from a folder with "#", "\?" or "%"/,
  );
});

test("an unknown part and an unknown command are reported", async () => {
  expect((await launch("--with", "moon", "--", "node")).err).toContain(
    'has no part "moon"; it has tensors, data',
  );
  expect((await launch("--", "no-such-command")).err).toContain('Cannot run "no-such-command"');
});
