// Every command with a file, a folder or an environment that it cannot use, as a person starts it: it says so
// in a sentence, before it works, without a stack trace, and leaves nothing behind.
import { type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");
let folder = "";
let temporary = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "command-faults-"));
  temporary = join(folder, "tmp");
  mkdirSync(temporary);
  mkdirSync(join(folder, "folder"));
  writeFileSync(join(folder, "file"), "kept");
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** `@` in arguments and environment is this test's folder. */
async function run(
  args: string,
  env: Readonly<Record<string, string>>,
  options: SpawnOptions = {},
): Promise<Ended> {
  const inFolder = (text: string) => text.replaceAll("@", folder);
  const child = spawn(process.execPath, args.split(" ").map(inFolder), {
    cwd: root,
    env: {
      ...process.env,
      TMPDIR: temporary,
      ...Object.fromEntries(Object.entries(env).map(([name, value]) => [name, inFolder(value)])),
    },
    stdio: ["ignore", "pipe", "pipe"],
    ...options,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (part) => (output += part));
  const [code] = await once(child, "close");
  return { code, output };
}

const DEMO = "infra/cli/main.ts demo";
const BOX = "infra/cli/main.ts box";
const SIMULATE = "infra/sim/main.ts";
const BENCH = "infra/bench/main.ts --only safetensors";
const DATA = "infra/data/main.ts";

const NO_FOLDER = /@\/no\/x cannot be used: its folder does not exist\. Name a file in a folder that exists/;
const IS_FOLDER = /@\/folder cannot be used: it is a folder\. Name a file/;
const BELOW_FILE = /@\/file\/x cannot be used: a file stands where a folder should be\. Name/;
const IS_FILE = /@\/file cannot be used: a file stands where a folder should be\. Name a folder/;
const NO_PLACE = /\/proc\/x cannot be used: it does not exist\. Name/;
const NO_TEMPORARY = /^(failed: )?The temporary folder \S+ cannot be used: .+\. Set TMPDIR to a folder/;

type Fault = [command: string, env: Readonly<Record<string, string>>, sentence: RegExp];

const results: Fault[] = [
  [`${DEMO} --out @/no/x`, {}, NO_FOLDER],
  [`${SIMULATE} --out @/no/x`, {}, NO_FOLDER],
  [`${BENCH} --json @/no/x`, {}, NO_FOLDER],
  [`${DEMO} --out @/folder`, {}, IS_FOLDER],
  [`${SIMULATE} --out @/file/x`, {}, BELOW_FILE],
];
const folders: Fault[] = [
  [`${DEMO} --data @/file`, {}, IS_FILE],
  [`${BOX} --data @/file`, {}, IS_FILE],
  [`${SIMULATE} --plot @/file`, {}, IS_FILE],
  [`${DATA} --out @/file`, {}, IS_FILE],
  [`${BOX} --data @/file/x`, {}, BELOW_FILE],
  [`${DEMO} --data /proc/x`, {}, NO_PLACE],
];
const temporaries: Fault[] = [
  [DEMO, { TMPDIR: "@/no" }, NO_TEMPORARY],
  [BOX, { TMPDIR: "@/file" }, NO_TEMPORARY],
  [BENCH, { TMPDIR: "/proc" }, NO_TEMPORARY],
];
const inputs: Fault[] = [
  [`${SIMULATE} --replay @/no`, {}, /^@\/no cannot be read: it does not exist\./],
  [`${SIMULATE} --replay @/folder`, {}, /^@\/folder cannot be read: it is a folder\./],
  [
    `${SIMULATE} --replay @/file`,
    {},
    /^@\/file is not an exported run: it is not JSON\. It must hold what the API answers/,
  ],
  [`${SIMULATE} --scenario @/no.json`, {}, /^There is no scenario @\/no\.json; there are/],
  [
    `${BOX} --data @`,
    {},
    /^@ is not empty and holds no state of a local cloud: use an empty or a new folder\./,
  ],
];

describe("a command that cannot use what it is given says so", () => {
  test.concurrent.each([...results, ...folders, ...temporaries, ...inputs])(
    "%s %o",
    async (args, env, sentence) => {
      const { code, output } = await run(args, env);
      expect(code, output).toBe(1);
      expect(output.replaceAll(folder, "@")).toMatch(sentence);
      expect(output.trim().split("\n"), "one sentence, no stack trace").toHaveLength(1);
    },
    60_000,
  );

  test("and leaves everything as it was", () => {
    expect(readFileSync(join(folder, "file"), "utf8")).toBe("kept");
    expect(readdirSync(folder).toSorted()).toEqual(["file", "folder", "tmp"]);
    expect(readdirSync(temporary)).toEqual([]);
    expect(existsSync(join(folder, "no"))).toBe(false);
  });
});

describe("a command whose output ends", () => {
  test("reports a full disk", async () => {
    const { code, output } = await run(`${SIMULATE} --stragglers 0 --seeds 1 --out /dev/full`, {});
    expect(code).toBe(1);
    expect(output).toContain("The result could not be written to /dev/full (--out): the disk is full.");
    expect(output).toContain("fedlesscan");
  }, 60_000);

  test("ends silently when its output is closed", async () => {
    const child = spawn(process.execPath, ["infra/sim/main.ts", "--stragglers", "0"], {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let errors = "";
    child.stderr.on("data", (part) => (errors += part));
    child.stdout.destroy();
    expect((await once(child, "close"))[0]).toBe(141);
    expect(errors).toBe("");
  }, 60_000);
});
