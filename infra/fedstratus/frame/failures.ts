// What a failure is to a program and to a person: an exit code, a document, and a sentence.
import { type ErrorCode, FlError, type Problem } from "../../../shared/core/errors.ts";
import { ApiAnswer } from "../../cli/apiAnswer.ts";
import { sentenceOf } from "../../setup/faults.mjs";
import type { ExitName } from "./exitCodes.ts";

/** A command line that cannot be understood. */
export class UsageError extends Error {
  readonly hint: string | undefined;
  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

/** What was waited for did not come in time. */
export class NotYet extends Error {}

/** What is printed of a failure with `--json`: the shape that the api itself answers with. */
export interface Failure {
  readonly exit: ExitName;
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly problems?: readonly Problem[];
    readonly hint?: string;
    /** Finds the call in the functions' logs. */
    readonly trace?: string;
  };
}

const EXIT_OF: Readonly<Record<ErrorCode, ExitName>> = {
  "invalid-argument": "input",
  unauthenticated: "identity",
  "permission-denied": "identity",
  "not-found": "refused",
  "already-exists": "refused",
  "failed-precondition": "refused",
  "too-large": "input",
  "method-not-allowed": "refused",
  "unsupported-media-type": "refused",
  "data-loss": "refused",
  aborted: "unreachable",
  "resource-exhausted": "unreachable",
  "deadline-exceeded": "unreachable",
  unavailable: "unreachable",
  internal: "refused",
};

const HINTS: Readonly<Partial<Record<ExitName, string>>> = {
  identity: "fedstratus whoami shows whose token is used, and for which address",
  unreachable: "try again in a while",
};

/** Null where it is a fault of this program, of which nothing is known. */
export function failureOf(error: unknown): Failure | null {
  if (error instanceof UsageError) {
    return { exit: "usage", error: { code: "usage", message: error.message, ...hintOf(error.hint) } };
  }
  if (error instanceof NotYet) return { exit: "waited", error: { code: "not-yet", message: error.message } };
  if (error instanceof FlError) return ofFlError(error);
  const message = sentenceOf(error) ?? missingPackage(error);
  return message === undefined ? null : { exit: "refused", error: { code: "failed-precondition", message } };
}

function ofFlError(error: FlError): Failure | null {
  const { code, problems, cause } = error;
  const answer = cause instanceof ApiAnswer ? cause : undefined;
  if (code === "internal" && answer === undefined) return null;
  const exit = EXIT_OF[code];
  return {
    exit,
    error: {
      code,
      message: answer === undefined ? error.message : answer.words,
      ...(problems.length === 0 ? {} : { problems }),
      ...hintOf(HINTS[exit]),
      ...(answer === undefined ? {} : { trace: answer.trace }),
    },
  };
}

/** Some exports use packages that npm leaves out where it cannot install them. */
function missingPackage(error: unknown): string | undefined {
  const { code, message } = Object(error);
  const [, name] =
    code === "ERR_MODULE_NOT_FOUND" ? (/^Cannot find package '([^']+)'/.exec(message) ?? []) : [];
  return name === undefined
    ? undefined
    : `This needs the package ${name}, which is not installed: npm install -g ${name}.`;
}

function hintOf(hint: string | undefined): { readonly hint?: string } {
  return hint === undefined ? {} : { hint };
}

/** For people: the sentence, every problem on a line of its own, and what may help. */
export function failureLines({ error }: Failure): readonly string[] {
  const { message, problems = [], hint } = error;
  const head = problems.length > 1 ? [`error: ${firstClause(message)}`] : [`error: ${message}`];
  const list = problems.length > 1 ? problems.map(({ path, message: what }) => `  ${at(path)}${what}`) : [];
  return [...head, ...list, ...(hint === undefined ? [] : [`hint: ${hint}`])];
}

/** The problems follow one by one, so that the sentence need not hold them, too. */
function firstClause(message: string): string {
  const end = message.indexOf(": ");
  return end === -1 ? message : message.slice(0, end + 1);
}

function at(path: string): string {
  return path === "" ? "" : `${path}: `;
}
