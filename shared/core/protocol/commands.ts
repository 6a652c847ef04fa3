// What a decision asks to be done next. Commands are data: the functions turn each into one task, named after
// it.
import { roundKey } from "../schemas/ids.ts";
import { TASKS, type TaskBody, type TaskKind } from "./tasks.ts";

/** When it is due, in ms since 1970. */
interface Due {
  readonly "at-once": unknown;
  readonly "may-wait": { readonly atMs?: number };
  readonly "at-a-time": { readonly atMs: number };
}

type Row<K extends TaskKind> = (typeof TASKS)[K];

/** A client is called at the address that it is registered with; the deployment knows the others. */
type Address<K extends TaskKind> = Row<K>["function"] extends "client" ? { readonly url: string } : unknown;

type CallTime<K extends TaskKind> = Row<K>["callSeconds"] extends "client"
  ? { readonly timeoutSeconds: number }
  : unknown;

type Flat<T> = { readonly [P in keyof T]: T[P] };

/** A command: what its task is sent, and how it is to be called. */
export type CommandOf<K extends TaskKind> = {
  [One in K]: Flat<{ kind: One } & TaskBody<One> & Due[Row<One>["due"]] & Address<One> & CallTime<One>>;
}[K];

export type Command = CommandOf<TaskKind>;

/** What the command's task is sent, in the order of its schema. */
export function taskBody(command: Command): Readonly<Record<string, unknown>> {
  const given: Readonly<Record<string, unknown>> = command;
  return Object.fromEntries(Object.keys(TASKS[command.kind].body.shape).map((key) => [key, given[key]]));
}

/**
 * The name that makes a task unique: the transition it stands for. An underscore cannot occur in an id, so no
 * two transitions share a name. Below 200 characters.
 */
export function taskName(command: Command): string {
  const [word, ...by] = TASKS[command.kind].name;
  const body = taskBody(command);
  const parts = by.map((key) => (key === "round" ? roundKey(Number(body[key])) : String(body[key])));
  return [word, ...("runId" in command ? [command.runId] : []), ...parts].join("_");
}

/**
 * A name that `taskName` makes of an invocation, with or without the number that a repeated one has at its
 * end.
 */
const INVOCATION = new RegExp(`^${TASKS.invoke.name[0]}_([^_]+)_(\\d+)_([^_]+)(?:_\\d+)?$`);

/** The invocation whose client a task of this name calls; null for a task of another kind. */
export function invocationOf(
  taskName: string,
): { readonly runId: string; readonly round: number; readonly clientId: string } | null {
  const [, runId, round, clientId] = INVOCATION.exec(taskName) ?? [];
  return runId === undefined || clientId === undefined ? null : { runId, round: Number(round), clientId };
}
