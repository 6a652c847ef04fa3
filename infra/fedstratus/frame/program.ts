// The commander program of a table of commands: groups, arguments, options, and help with examples first.
import { Argument, Command as Node, Option } from "commander";
import { releaseOfThis } from "../../cli/release.ts";
import type { Command, Opt } from "./command.ts";
import { EXIT, EXIT_MEANINGS, type ExitName } from "./exitCodes.ts";
import { UsageError } from "./failures.ts";
import { GLOBALS } from "./globals.ts";
import { PROGRAM } from "./words.ts";

/** What one command was given. */
export interface Given {
  readonly command: Command;
  readonly input: { readonly args: Record<string, unknown>; readonly options: Record<string, unknown> };
  readonly globals: Readonly<Record<keyof typeof GLOBALS, unknown>>;
}

interface Known {
  readonly commands: readonly Command[];
  /** What each group of commands is for. */
  readonly groups: Readonly<Record<string, string>>;
}

export interface ProgramOptions extends Known {
  readonly onGiven: (given: Given) => Promise<void>;
  readonly writeOut: (text: string) => void;
  /** Of help, in characters. */
  readonly width: number | undefined;
}

const GLOBAL_GROUP = "Options of every command:";

export function programOf(options: ProgramOptions): Node {
  const program = nodeOf(PROGRAM, options)
    .usage("<command> [options]")
    .description("Federated learning on cloud functions.")
    .version(releaseOfThis(), "--version", "print the release")
    .helpOption("-h, --help", "show this");
  for (const option of optionsOf(GLOBALS)) program.addOption(option.helpGroup(GLOBAL_GROUP));
  program.addHelpText("after", `\n${exitText()}`);
  const groups = new Map<string, Node>();
  for (const command of options.commands) {
    const words = command.name.split(" ");
    const [first = "", second] = words;
    const parent = second === undefined ? program : groupOf(first, program, groups, options);
    parent.addCommand(leafOf(command, second ?? first, options));
  }
  return program;
}

function groupOf(name: string, program: Node, groups: Map<string, Node>, options: ProgramOptions): Node {
  const known = groups.get(name);
  if (known !== undefined) return known;
  const group = nodeOf(name, options)
    .summary(options.groups[name] ?? "")
    .description(options.groups[name] ?? "")
    .usage("<command> [options]");
  groups.set(name, group);
  program.addCommand(group);
  return group;
}

function nodeOf(name: string, { writeOut, width }: ProgramOptions): Node {
  return new Node(name)
    .exitOverride()
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .configureHelp({ ...(width === undefined ? {} : { helpWidth: width }), sortOptions: false })
    .configureOutput({ writeOut, writeErr: () => undefined, getOutHelpWidth: () => width ?? 100 });
}

function leafOf(command: Command, name: string, options: ProgramOptions): Node {
  const node = nodeOf(name, options).summary(command.summary).addHelpText("before", headText(command));
  for (const { flags, about, choices, parse } of Object.values(command.args)) {
    const argument = new Argument(flags, about);
    if (choices !== undefined) argument.choices([...choices]);
    argument.argParser<unknown>((text, before) =>
      argument.variadic ? [...(Array.isArray(before) ? before : []), parse(text)] : parse(text),
    );
    node.addArgument(argument);
  }
  const own = optionsOf(command.options);
  for (const option of own) node.addOption(option);
  for (const option of optionsOf(GLOBALS)) node.addOption(option.helpGroup(GLOBAL_GROUP));
  node.action(async (...given: unknown[]) => {
    // With the program's, which may stand before the command.
    const values = node.optsWithGlobals();
    const pick = (declared: Readonly<Record<string, Opt<unknown>>>) =>
      Object.fromEntries(
        Object.entries(declared).map(([key, one]) => [
          key,
          values[optionOf(one).attributeName()] ?? one.fallback,
        ]),
      );
    const args = Object.keys(command.args).map((key, i) => [key, given[i]]);
    await options.onGiven({
      command,
      input: { args: Object.fromEntries(args), options: pick(command.options) },
      globals: pick(GLOBALS) as Given["globals"],
    });
  });
  return node;
}

function optionsOf(declared: Readonly<Record<string, Opt<unknown>>>): readonly Option[] {
  return Object.values(declared).map(optionOf);
}

function optionOf({
  flags,
  about,
  choices,
  fallback,
  isRepeatable,
  isRequired,
  type,
  parse,
}: Opt<unknown>): Option {
  const option = new Option(flags, about);
  if (choices !== undefined) option.choices([...choices]);
  if (isRequired === true) option.makeOptionMandatory();
  if (type === "switch") return option;
  if (fallback !== undefined && isRepeatable !== true) option.default(fallback);
  return option.argParser<unknown>((text, before) =>
    isRepeatable === true ? [...(Array.isArray(before) ? before : []), parse(text)] : parse(text),
  );
}

/** What it does, and how it is called. */
function headText({ summary, about, examples }: Command): string {
  const lines = examples.map((example) => `  ${PROGRAM} ${example}`);
  return [summary, ...(about === undefined ? [] : ["", about]), "", "Examples:", ...lines, ""].join("\n");
}

function exitText(): string {
  const names = Object.keys(EXIT) as ExitName[];
  const rows = names.map((name) => `  ${String(EXIT[name]).padStart(3)}  ${EXIT_MEANINGS[name]}`);
  return ["Exit codes:", ...rows].join("\n");
}

/** What commander found wrong, in its words; with the command that was probably meant. */
export function usageErrorOf(
  message: string,
  { commands, groups }: Known,
  typed: readonly string[],
): UsageError {
  const words = message.replace(/^error: /, "").replace(/\n?\(Did you mean (.+)\?\)$/, " Did you mean $1?");
  const sentence = `${words.charAt(0).toUpperCase()}${words.slice(1)}`.replace(
    /([^.?])( Did you mean .*)?$/,
    "$1.$2",
  );
  const given = typed.filter((word) => !word.startsWith("-"));
  const known = [given.slice(0, 2).join(" "), given[0] ?? ""].find(
    (name) => Object.hasOwn(groups, name) || commands.some((one) => one.name === name),
  );
  const command = known === undefined ? PROGRAM : `${PROGRAM} ${known}`;
  return new UsageError(sentence, `${command} --help shows what it takes`);
}
