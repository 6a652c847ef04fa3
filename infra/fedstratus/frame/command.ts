// What a command is: its name, what it takes, what it changes, and what it does. Help, `schema`, completion,
// the reference and the tests are made from these, so they load nothing but what they say.
import type { Context } from "./context.ts";
import type { ExitName } from "./exitCodes.ts";

/** What a value is, for people, programs and completion. */
export type ValueType = "text" | "number" | "duration" | "choice" | "file" | "folder" | "run" | "client";

/** Something that a command line gives. */
export interface Arg<T> {
  /** As in help, such as `<run>`, `[round]` or `<ids...>`. */
  readonly flags: string;
  readonly about: string;
  readonly type: ValueType;
  readonly choices?: readonly string[];
  /** @throws UsageError where the text is no such value. */
  readonly parse: (text: string) => unknown;
  /** Only types: what a command gets of it. */
  readonly value?: T;
}

export interface Opt<T> {
  /** As in help, such as `-o, --out <dir>`, or `--yes` for a switch. */
  readonly flags: string;
  readonly about: string;
  /** `switch`: takes no value. */
  readonly type: ValueType | "switch";
  readonly choices?: readonly string[];
  readonly fallback?: unknown;
  readonly isRepeatable?: boolean;
  readonly isRequired?: boolean;
  readonly parse: (text: string) => unknown;
  readonly value?: T;
}

type Values<R> = { readonly [K in keyof R]: R[K] extends { readonly value?: infer T } ? T : never };
type Args = Readonly<Record<string, Arg<unknown>>>;
type Opts = Readonly<Record<string, Opt<unknown>>>;

export interface Input<A, O> {
  readonly args: Values<A>;
  readonly options: Values<O>;
}

export interface Command<A = Args, O = Opts> {
  /** Its words, such as `run list`. */
  readonly name: string;
  readonly summary: string;
  /** What more there is to say, in sentences. */
  readonly about?: string;
  /** Of what is typed after `fedstratus`. */
  readonly examples: readonly string[];
  readonly args: A;
  readonly options: O;
  /** Whether it changes what the api or this machine keeps. */
  readonly isMutating: boolean;
  /** Whether calling it again does nothing more; of those that change something. */
  readonly isIdempotent: boolean;
  /** Whether `--json` prints many documents, one a line. */
  readonly isStreaming: boolean;
  /** Whether all that is typed after its name belongs to another program. */
  readonly passesOn?: boolean;
  /** Beside those that every command has. */
  readonly exits: readonly ExitName[];
  /** Returns how it ended, where that is not well. */
  readonly run: (context: Context, input: Input<A, O>) => Promise<ExitName | undefined>;
}

/** Types what `run` gets by what is declared. */
export function command<const A extends Args, const O extends Opts>(declared: Command<A, O>): Command {
  return declared as unknown as Command;
}
