// The table of commands as a command line: what every command says of itself, and how mistakes end.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { COMMANDS, GROUPS } from "../../../infra/fedstratus/commands/table.ts";
import { describedProgram, exitsOf } from "../../../infra/fedstratus/frame/described.ts";
import { EXIT } from "../../../infra/fedstratus/frame/exitCodes.ts";
import { runHere } from "../../support/commandLine.ts";

const folder = mkdtempSync(join(tmpdir(), "program-"));
const run = (...words: string[]) => runHere(words, { env: {}, folder });
afterAll(() => rmSync(folder, { recursive: true }));

describe.each(COMMANDS.map((command) => [command.name, command] as const))("%s", (name, command) => {
  const words = name.split(" ");

  test("shows its examples before its usage, and what every command takes after it", async () => {
    const { code, stdout, stderr } = await run(...words, "--help");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.startsWith(command.summary)).toBe(true);
    const places = ["Examples:\n  fedstratus ", "Usage: fedstratus ", "Options of every command:"].map(
      (text) => stdout.indexOf(text),
    );
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(places[0]).toBeGreaterThan(0);
  });

  test("has examples of itself, a sentence, and no option of a name that all commands have", () => {
    expect(command.summary).toMatch(/^[A-Z].*\.$/);
    expect(command.examples.length).toBeGreaterThan(0);
    for (const example of command.examples) expect(example.startsWith(name)).toBe(true);
    const { globalOptions, commands } = describedProgram([command]);
    const longOf = (flags: string) => /--[\w-]+/.exec(flags)?.[0];
    const taken = new Set(globalOptions.map(({ flags }) => longOf(flags)));
    expect(commands[0]?.options.filter(({ flags }) => taken.has(longOf(flags)))).toEqual([]);
  });

  // What is passed on is another program's to refuse: repository.test.ts.
  if (command.passesOn !== true) {
    test("ends with 2 on an option that it does not have, as JSON where that is asked for", async () => {
      const plain = await run(...words, "--no-such-option");
      expect(plain).toMatchObject({ code: 2, stdout: "" });
      expect(plain.stderr).toContain(`hint: fedstratus ${name} --help shows what it takes`);
      const json = await run(...words, "--no-such-option", "--json");
      expect(json).toMatchObject({ code: 2, stdout: "" });
      expect(JSON.parse(json.stderr).error.code).toBe("usage");
    });
  }

  test("may end with what all commands may, and says so", () => {
    expect(exitsOf(command)).toEqual(expect.arrayContaining(["ok", "usage", "bug"]));
    expect(command.isMutating || command.isIdempotent).toBe(true);
  });
});

test("names are unique, and each group has some", () => {
  const names = COMMANDS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const group of Object.keys(GROUPS))
    expect(names.some((name) => name.startsWith(`${group} `))).toBe(true);
});

test.each([
  [["profle"], "Unknown command 'profle'. Did you mean profile?", "fedstratus --help"],
  [["profile", "lits"], "Unknown command 'lits'. Did you mean list?", "fedstratus profile --help"],
  [
    ["profile", "list", "--josn"],
    "Unknown option '--josn'. Did you mean --json?",
    "fedstratus profile list --help",
  ],
  [["profile"], "A command is missing.", "fedstratus profile --help"],
  [["profile", "use"], "Missing required argument 'name'.", "fedstratus profile use --help"],
  [["profile", "use", "a", "b"], "Too many arguments", "fedstratus profile use --help"],
])("%j is answered with what was probably meant", async (words, message, help) => {
  const { code, stdout, stderr } = await run(...words);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(`error: ${message}`);
  expect(stderr).toContain(`hint: ${help} shows`);
});

test("without words it shows its help, with every exit code", async () => {
  const { code, stdout, stderr } = await run();
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  for (const number of Object.values(EXIT)) expect(stdout).toMatch(new RegExp(`^ *${number}  `, "m"));
});

test("--version is the release of package.json", async () => {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../../../package.json"), "utf8"));
  expect(await run("--version")).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
});

test.each([
  ["--timeout", "5"],
  ["--fields", "a,,b"],
  ["--api", "nowhere"],
])("%s %s is refused", async (...words) => {
  expect(await run("whoami", ...words)).toMatchObject({ code: 2, stdout: "" });
});

test("--api and --profile are not given together, wherever they stand", async () => {
  const { code, stderr } = await run("--api", "https://a.example", "profile", "list", "--profile", "b");
  expect(code).toBe(2);
  expect(stderr).toContain("--profile and --api both name a deployment");
});

test("what nobody foresaw ends with 70, and is kept in a file", async () => {
  const env = {
    get FEDSTRATUS_API(): string {
      throw new TypeError("a fault");
    },
  };
  const { code, stdout, stderr } = await runHere(["profile", "show"], { env, folder });
  expect({ code, stdout }).toEqual({ code: 70, stdout: "" });
  expect(stderr).toContain("This is a fault of fedstratus: a fault.");
  const [file = ""] = readdirSync(join(folder, ".cache/fedstratus/faults"));
  expect(readFileSync(join(folder, ".cache/fedstratus/faults", file), "utf8")).toContain(
    "TypeError: a fault",
  );
});

describe("completion", () => {
  const complete = async (...words: string[]) =>
    (await run("complete", "--", ...words)).stdout
      .trim()
      .split("\n")
      .map((line) => line.split("\t")[0]);

  test("offers groups, commands, options and choices", async () => {
    expect(await complete("pro")).toContain("profile");
    expect(await complete("profile", "")).toEqual(expect.arrayContaining(["add", "use", "list"]));
    expect(await complete("profile", "add", "--te")).toContain("--terraform");
    expect(await complete("completion", "")).toEqual(
      expect.arrayContaining(["bash", "zsh", "fish", "powershell"]),
    );
  });

  test.each(["bash", "zsh", "fish", "powershell"])(
    "has a script for %s that asks the program",
    async (shell) => {
      const { code, stdout } = await run("completion", shell);
      expect(code).toBe(0);
      expect(stdout).toMatch(/fedstratus complete .?--/);
    },
  );
});

test("schema is one document of all commands, or of those that are named", async () => {
  const all = JSON.parse((await run("schema")).stdout);
  expect(all.commands.map(({ command }: { command: string }) => command)).toEqual(
    COMMANDS.map(({ name }) => name),
  );
  expect(all).toEqual(JSON.parse((await run("schema", "--json")).stdout));
  const one = JSON.parse((await run("schema", "profile", "add")).stdout);
  expect(one.commands).toHaveLength(1);
  expect(await run("schema", "nothing")).toMatchObject({ code: 2 });
});
