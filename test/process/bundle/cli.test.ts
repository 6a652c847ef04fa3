// The command line as a package: what it loads, that it installs from its archive, and that it works there.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bundleCli, type CliBundle, packCli } from "../../../infra/bundle/bundleCli.ts";
import { COMMANDS } from "../../../infra/fedstratus/commands/table.ts";
import { TEMPLATE_NAMES } from "../../../infra/fedstratus/templates/names.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
let folder: string;
let bundle: CliBundle;
let program: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cli-"));
  bundle = await bundleCli(root, join(folder, "cli"));
  const archive = await packCli(bundle.dir, folder);
  const npm = [
    "install",
    "--global",
    "--prefix",
    join(folder, "prefix"),
    "--offline",
    "--omit=optional",
    "--no-audit",
  ];
  execFileSync("npm", [...npm, archive], { stdio: "pipe" });
  program = join(folder, "prefix", "bin", "fedstratus");
}, 120_000);
afterAll(() => rm(folder, { recursive: true }));

const run = (...words: string[]) =>
  spawnSync(program, words, {
    cwd: folder,
    encoding: "utf8",
    env: { PATH: process.env["PATH"], HOME: folder },
  });

test("what every command loads is small, and has no library but the one for arguments", () => {
  expect(bundle.firstPackages).toEqual(["commander"]);
  expect(bundle.firstBytes).toBeLessThan(bundle.sizeBytes / 4);
});

test("installed from its archive, it says its release and what it can", async () => {
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  expect(run("--version")).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: "" });
  const { commands } = JSON.parse(run("schema").stdout);
  expect(commands).toHaveLength(COMMANDS.length);
});

test("its sum lies beside it as sha256sum checks it, without the signature of another one", async () => {
  const check = (dir: string) =>
    spawnSync("sh", ["-c", "sha256sum --check --strict SHA256SUMS"], { cwd: dir });
  expect(check(folder).status).toBe(0);
  const sums = await readFile(join(folder, "SHA256SUMS"), "utf8");
  expect(sums).toMatch(/^[0-9a-f]{64} {2}fedstratus-[\w.-]+\.tgz\n$/);
  await writeFile(join(folder, "SHA256SUMS.sig"), "of an earlier one");
  const archive = await packCli(bundle.dir, folder);
  expect(await readFile(join(folder, "SHA256SUMS"), "utf8"), "the same bytes each time").toBe(sums);
  expect(existsSync(join(folder, "SHA256SUMS.sig"))).toBe(false);
  await appendFile(archive, "more");
  expect(check(folder).status).not.toBe(0);
});

test("its parts are loaded when they are needed", () => {
  expect(run("profile", "add", "here", "--api", "http://127.0.0.1:9")).toMatchObject({
    status: 0,
    stderr: "",
  });
  expect(run("completion", "bash")).toMatchObject({ status: 0, stderr: "" });
  const { status, stderr } = run("run", "list", "--json");
  expect(status, stderr).toBe(4); // Nobody is signed in.
  expect(JSON.parse(stderr).error.code).toBe("unauthenticated");
});

test.each(TEMPLATE_NAMES)("it writes a project of %s, of which a run can be created", (template) => {
  const { status, stdout, stderr } = run("init", `new ${template}`, "--template", template, "--json");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const { next } = JSON.parse(stdout);
  const check = String(next[0]).replace("fedstratus", '"$0"');
  const checked = spawnSync("sh", ["-c", check, program], {
    cwd: folder,
    encoding: "utf8",
    env: { PATH: process.env["PATH"], HOME: folder },
  });
  expect(checked, checked.stderr).toMatchObject({ status: 0, stderr: "" });
  expect(checked.stdout).toContain("A run can be created of it.");
});

test("it holds the licences of what is in it, and the same bytes each time", async () => {
  const text = await readFile(join(bundle.dir, "THIRD_PARTY_NOTICES.txt"), "utf8");
  for (const name of ["commander", "zod", "@bomb.sh/tab", "@clack/prompts", "google-auth-library"])
    expect(text).toContain(`${name} `);
  const again = await bundleCli(root, join(folder, "again"));
  expect(again).toEqual({ ...bundle, dir: again.dir });
  const entry = (dir: string) => readFile(join(dir, "fedstratus.js"), "utf8");
  expect(await entry(again.dir)).toBe(await entry(bundle.dir));
  expect((await entry(bundle.dir)).startsWith("#!/usr/bin/env node\n")).toBe(true);
});
