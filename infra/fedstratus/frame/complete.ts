// Completion in shells: the script that a shell loads, and the answers to what it asks while somebody types.
import { RootCommand } from "@bomb.sh/tab";
import type { Arg, Command, Opt } from "./command.ts";
import { GLOBALS } from "./globals.ts";

/** @param shell bash, zsh, fish or powershell */
export function scriptOf(shell: string, program: string): string {
  return printedBy(() => new RootCommand().setup(program, program, shell));
}

/**
 * What may follow what is typed, a line each, as the script reads it.
 *
 * @param words the ones so far; the last one, which may be empty, is being typed
 */
export function completionsOf(
  commands: readonly Command[],
  groups: Readonly<Record<string, string>>,
  words: readonly string[],
): string {
  const root = new RootCommand();
  for (const [name, summary] of Object.entries(groups)) root.command(name, summary);
  for (const { name, summary, args, options } of commands) {
    const node = root.command(name, summary);
    for (const { flags, choices } of Object.values(args)) {
      node.argument(flags.replace(/[^\w-]/g, ""), ...choicesOf(choices), flags.includes("..."));
    }
    for (const option of Object.values({ ...options, ...GLOBALS })) addOption(node, option);
  }
  return printedBy(() => root.parse([...words]));
}

type Offer = (value: string, description: string) => void;

/** Undefined leaves it to the shell, which offers files. */
function choicesOf(choices: Arg<unknown>["choices"]): [((offer: Offer) => void) | undefined] {
  return [
    choices === undefined
      ? undefined
      : (offer) => {
          for (const choice of choices) offer(choice, "");
        },
  ];
}

function addOption(
  node: ReturnType<RootCommand["command"]>,
  { flags, about, type, choices }: Opt<unknown>,
): void {
  const [, short, long = ""] = /^(?:-(\w), )?--([\w-]+)/.exec(flags) ?? [];
  if (type === "switch") node.option(long, about, short);
  else node.option(long, about, choicesOf(choices)[0] ?? (() => undefined), short);
}

/** The package writes to the console. */
function printedBy(work: () => void): string {
  const lines: string[] = [];
  const { log } = console;
  console.log = (...parts: unknown[]) => {
    lines.push(parts.join(" "));
  };
  try {
    work();
  } finally {
    console.log = log;
  }
  return lines.join("\n");
}
