// The values that commands take: how each is written, and what is wrong with one that is not.
import type { Arg, Opt, ValueType } from "./command.ts";
import { parseDuration } from "./duration.ts";
import { UsageError } from "./failures.ts";

const ID = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const asIs = (value: string) => value;

export const arg = {
  run: (flags: string, about = "a run's id, the beginning of one, or @last"): Arg<string> => ({
    flags,
    about,
    type: "run",
    parse: (value) => runName(value, flags),
  }),
  /** RUN, or RUN:VERSION. */
  model: (flags: string): Arg<string> => ({
    flags,
    about: "a run, and after a colon a version: its number, best or last (the default)",
    type: "run",
    parse: (value) => modelName(value),
  }),
  client: (flags: string): Arg<string> => ({
    flags,
    about: "a client's id, or the beginning of one",
    type: "client",
    parse: (value) => idOf(value, "a client's id is"),
  }),
  clients: (flags: string): Arg<readonly string[]> => ({
    flags,
    about: "clients' ids, or the beginnings of some",
    type: "client",
    parse: (value) => idOf(value, "a client's id is"),
  }),
  file: (flags: string, about: string): Arg<string> => ({ flags, about, type: "file", parse: asIs }),
  folder: (flags: string, about: string): Arg<string | undefined> => ({
    flags,
    about,
    type: "folder",
    parse: asIs,
  }),
  text: (flags: string, about: string): Arg<string> => ({ flags, about, type: "text", parse: asIs }),
  texts: (flags: string, about: string): Arg<readonly string[]> => ({
    flags,
    about,
    type: "text",
    parse: asIs,
  }),
  choice: <const C extends string>(flags: string, about: string, choices: readonly C[]): Arg<C> => ({
    flags,
    about,
    type: "choice",
    choices,
    parse: (value) => chosen(value, flags, choices),
  }),
  round: (flags: string): Arg<number | undefined> => ({
    flags,
    about: "a round's number; absent: the last one",
    type: "number",
    parse: (value) => whole(value, flags, 1, 9_999),
  }),
};

export const opt = {
  flag: (flags: string, about: string): Opt<boolean> => ({
    flags,
    about,
    type: "switch",
    fallback: false,
    parse: asIs,
  }),
  text: (flags: string, about: string, type: ValueType = "text"): Opt<string | undefined> => ({
    flags,
    about,
    type,
    parse: asIs,
  }),
  needed: (flags: string, about: string, type: ValueType = "text"): Opt<string> => ({
    flags,
    about,
    type,
    isRequired: true,
    parse: asIs,
  }),
  /** May be given several times. */
  many: (flags: string, about: string): Opt<readonly string[]> => ({
    flags,
    about,
    type: "text",
    isRepeatable: true,
    fallback: [],
    parse: asIs,
  }),
  whole: (
    flags: string,
    about: string,
    { min, max, fallback }: { readonly min: number; readonly max: number; readonly fallback: number },
  ): Opt<number> => ({
    flags,
    about,
    type: "number",
    fallback,
    parse: (value) => whole(value, flags, min, max),
  }),
  wholeOrNone: (
    flags: string,
    about: string,
    { min, max }: { readonly min: number; readonly max: number },
  ): Opt<number | undefined> => ({
    flags,
    about,
    type: "number",
    parse: (value) => whole(value, flags, min, max),
  }),
  number: (
    flags: string,
    about: string,
    { above, max, fallback }: { readonly above: number; readonly max: number; readonly fallback: number },
  ): Opt<number> => ({
    flags,
    about,
    type: "number",
    fallback,
    parse: (value) => numberAbove(value, flags, above, max),
  }),
  /** Between 0 and 1, neither of them. */
  share: (flags: string, about: string): Opt<number | undefined> => ({
    flags,
    about,
    type: "number",
    parse: (value) => {
      const number = Number(value);
      if (value.trim() !== "" && number > 0 && number < 1) return number;
      throw new UsageError(`${flags} must be a number between 0 and 1, such as 0.8.`);
    },
  }),
  duration: (flags: string, about: string): Opt<number | undefined> => ({
    flags,
    about,
    type: "duration",
    parse: (value) => parseDuration(value, flags),
  }),
  choice: <const C extends string>(
    flags: string,
    about: string,
    choices: readonly C[],
  ): Opt<C | undefined> => ({
    flags,
    about,
    type: "choice",
    choices,
    parse: (value) => chosen(value, flags, choices),
  }),
  neededChoice: <const C extends string>(flags: string, about: string, choices: readonly C[]): Opt<C> => ({
    flags,
    about,
    type: "choice",
    choices,
    isRequired: true,
    parse: (value) => chosen(value, flags, choices),
  }),
};

/** A whole number within bounds, both inclusive. */
function whole(value: string, what: string, min: number, max: number): number {
  const number = Number(value);
  if (value.trim() !== "" && Number.isInteger(number) && number >= min && number <= max) return number;
  throw new UsageError(`${what} must be a whole number from ${min} to ${max}.`);
}

/** A number above one bound and up to the other. */
function numberAbove(value: string, what: string, above: number, max: number): number {
  const number = Number(value);
  if (value.trim() !== "" && number > above && number <= max) return number;
  throw new UsageError(`${what} must be a number above ${above}, and ${max} at the most.`);
}

function chosen<C extends string>(value: string, what: string, choices: readonly C[]): C {
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  throw new UsageError(`${what} must be one of ${choices.join(", ")}.`);
}

function runName(value: string, what: string): string {
  return value === "@last" ? value : idOf(value, `${what} is`);
}

function modelName(value: string): string {
  const [run = "", version, ...more] = value.split(":");
  runName(run, "a run's id");
  const isVersion = version === undefined || /^(\d{1,9}|best|last|latest)$/.test(version);
  if (more.length === 0 && isVersion) return value;
  throw new UsageError(
    "A version is named as RUN:VERSION: a number, 0 for the initial weights, best or last.",
  );
}

function idOf(value: string, what: string): string {
  if (ID.test(value)) return value;
  throw new UsageError(
    `${what.replace(/ is$/, "")} must be 1 to 63 lower-case letters, digits and inner hyphens, such as fashion-20-1f9c0a77.`,
  );
}
