// Runs a command line from its words to its exit code.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { inspect } from "node:util";
import { CommanderError } from "commander";
import { releaseOfThis } from "../../cli/release.ts";
import { COMMANDS, GROUPS } from "../commands/table.ts";
import { parseFields } from "../output/fields.ts";
import { createOutput } from "../output/output.ts";
import { placesOf } from "../profiles/places.ts";
import { createContext } from "./context.ts";
import { EXIT, type ExitName } from "./exitCodes.ts";
import { type Failure, failureLines, failureOf, UsageError } from "./failures.ts";
import type { GlobalOptions } from "./globalOptions.ts";
import type { Io } from "./io.ts";
import { type Given, programOf, usageErrorOf } from "./program.ts";

/** @param words what is typed after the program's name. Returns the exit code; throws nothing. */
export async function runProgram(words: readonly string[], io: Io): Promise<number> {
  let exit: ExitName = "ok";
  const program = programOf({
    commands: COMMANDS,
    groups: GROUPS,
    width: io.stdout.columns,
    writeOut: (text) => {
      io.stdout.write(text);
    },
    onGiven: async (given) => {
      exit = (await runGiven(given, io)) ?? "ok";
    },
  });
  try {
    if (words[0] === "complete") {
      const { completionsOf } = await import("./complete.ts");
      io.stdout.write(`${completionsOf(COMMANDS, GROUPS, words.slice(words.indexOf("--") + 1))}\n`);
      return EXIT.ok;
    }
    if (words.length === 0) {
      program.outputHelp();
      return EXIT.ok;
    }
    await program.parseAsync(passedOn(words), { from: "user" });
    return EXIT[exit];
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return EXIT.ok; // Help, or the release.
    const error = thrown instanceof CommanderError ? commanderFailure(thrown, words) : thrown;
    const failure = failureOf(error) ?? (await ownFault(error, io));
    tell(failure, words, io);
    return EXIT[failure.exit];
  }
}

/** Behind a mark, what belongs to another program is no option of this one; but help is of this one. */
function passedOn(words: readonly string[]): readonly string[] {
  const [name = "", ...rest] = words;
  const isPassed = COMMANDS.some((one) => one.name === name && one.passesOn === true);
  return isPassed && !["--help", "-h"].includes(rest[0] ?? "") ? [name, "--", ...rest] : words;
}

async function runGiven({ command, input, globals }: Given, io: Io): Promise<ExitName | undefined> {
  const options = globalsOf(globals, io);
  const out = createOutput(io, options);
  return command.run(
    createContext(io, out, options, command.exits.includes("waited")),
    input as Parameters<typeof command.run>[1],
  );
}

function globalsOf(given: Given["globals"], { env, stdout }: Io): GlobalOptions {
  const { profile, api, fields, timeout } = given as Readonly<Record<string, string | undefined>>;
  if (given.profile !== undefined && given.api !== undefined) {
    throw new UsageError("--profile and --api both name a deployment: give one of them.");
  }
  const isForced = (env["FORCE_COLOR"] ?? "") !== "";
  const isForbidden = (env["NO_COLOR"] ?? "") !== "" || env["TERM"] === "dumb" || given.color === false;
  return {
    profile,
    api,
    json: given.json === true,
    fields: fields === undefined ? undefined : parseFields(fields),
    quiet: given.quiet === true,
    verbose: given.verbose === true,
    noInput: given.input === false,
    color: !isForbidden && (isForced || stdout.isTTY === true),
    timeoutMs: timeout === undefined ? undefined : Number(timeout),
  };
}

function commanderFailure({ code, message }: CommanderError, words: readonly string[]): UsageError {
  const known = { commands: COMMANDS, groups: GROUPS };
  return usageErrorOf(code === "commander.help" ? "a command is missing" : message, known, words);
}

/** As JSON wherever `--json` stands before what is no option any more. */
function tell(failure: Failure, words: readonly string[], { stderr }: Io): void {
  const end = words.indexOf("--");
  const isJson = words.slice(0, end === -1 ? words.length : end).includes("--json");
  const lines = isJson ? [JSON.stringify({ error: failure.error })] : failureLines(failure);
  for (const line of lines) stderr.write(`${line}\n`);
}

/** What was not foreseen is kept in a file, which a report of the fault can hold. */
async function ownFault(error: unknown, io: Io): Promise<Failure> {
  const { writePrivate } = await import("../profiles/privateFile.ts");
  const file = join(placesOf(io).cacheDir, "faults", `${io.nowMs()}-${randomBytes(2).toString("hex")}.txt`);
  const report = [
    `fedstratus ${releaseOfThis()}, Node ${process.version}, ${io.platform}`,
    "",
    inspect(error),
    "",
  ];
  const where = await writePrivate(file, report.join("\n")).then(
    () => ` ${file} says more: send it with a report of the fault.`,
    () => "",
  );
  const message = `This is a fault of fedstratus: ${Object(error).message ?? String(error)}.${where}`;
  return { exit: "bug", error: { code: "internal", message } };
}
