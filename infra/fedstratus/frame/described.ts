// Commands as data: what `schema` prints, and what the reference and the tests are made from.
import type { Command, Opt } from "./command.ts";
import { ALWAYS, EXIT, EXIT_MEANINGS, type ExitName } from "./exitCodes.ts";
import { GLOBALS } from "./globals.ts";
import { PROGRAM } from "./words.ts";

export interface DescribedCommand {
  readonly command: string;
  readonly summary: string;
  readonly about?: string;
  readonly arguments: readonly {
    readonly name: string;
    readonly about: string;
    readonly type: string;
    readonly isRequired: boolean;
    readonly isVariadic: boolean;
    readonly choices?: readonly string[];
  }[];
  readonly options: readonly DescribedOption[];
  readonly isMutating: boolean;
  readonly isIdempotent: boolean;
  readonly isStreaming: boolean;
  readonly exitCodes: readonly number[];
  readonly examples: readonly string[];
}

interface DescribedOption {
  readonly flags: string;
  readonly about: string;
  readonly type: string;
  readonly isRequired: boolean;
  readonly isRepeatable: boolean;
  readonly default?: unknown;
  readonly choices?: readonly string[];
}

function describedCommand(command: Command): DescribedCommand {
  const { name, summary, about, args, options, isMutating, isIdempotent, isStreaming, examples } = command;
  return {
    command: name,
    summary,
    ...(about === undefined ? {} : { about }),
    arguments: Object.values(args).map(({ flags, about: what, type, choices }) => ({
      name: flags.replace(/^[<[]|(\.\.\.)?[>\]]$/g, ""),
      about: what,
      type,
      isRequired: flags.startsWith("<"),
      isVariadic: flags.includes("..."),
      ...(choices === undefined ? {} : { choices }),
    })),
    options: Object.values(options).map(describedOption),
    isMutating,
    isIdempotent,
    isStreaming,
    exitCodes: exitsOf(command).map((exit) => EXIT[exit]),
    examples: examples.map((example) => `${PROGRAM} ${example}`),
  };
}

/** Everything that a command may end with, in order. */
export function exitsOf({ exits }: Command): readonly ExitName[] {
  const all = new Set([...ALWAYS, ...exits]);
  return (Object.keys(EXIT) as ExitName[]).filter((name) => all.has(name));
}

export function describedProgram(commands: readonly Command[]) {
  return {
    program: PROGRAM,
    globalOptions: Object.values(GLOBALS).map(describedOption),
    exitCodes: (Object.keys(EXIT) as ExitName[]).map((name) => ({
      code: EXIT[name],
      meaning: EXIT_MEANINGS[name],
    })),
    commands: commands.map(describedCommand),
  };
}

function describedOption(option: Opt<unknown>): DescribedOption {
  const { flags, about, type, choices, fallback, isRepeatable = false, isRequired = false } = option;
  return {
    flags,
    about,
    type,
    isRequired,
    isRepeatable,
    ...(fallback === undefined ? {} : { default: fallback }),
    ...(choices === undefined ? {} : { choices }),
  };
}
