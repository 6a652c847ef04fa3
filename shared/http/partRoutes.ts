// Routes between FedStratus's own parts, made of the protocol's tables: a task's takes its body and answers
// with what came of it.
import * as z from "zod";
import type { Principal } from "../cloud/auth/verifyIdToken.ts";
import {
  type FunctionName,
  TASKS,
  type TaskBody,
  type TaskKind,
  type TaskKindOf,
} from "../core/protocol/tasks.ts";
import type { HttpRequest } from "./message.ts";
import { type AnyRoute, NoParams, NoQuery, type Route, route } from "./routes.ts";

/** What came of a task, in words. */
const Done = z.strictObject({ result: z.string() });

type Work<Body> = (body: Body, request: HttpRequest) => Promise<string>;

/** What a function does of each of its tasks, none left out; it returns what came of it, in words. */
export type TaskWork<F extends FunctionName> = { readonly [K in TaskKindOf<F>]: Work<TaskBody<K>> };

interface Described<Body> {
  readonly path: string;
  readonly summary: string;
  readonly body: z.ZodType<Body>;
}

const ROWS: { readonly [K in TaskKind]: Described<TaskBody<K>> } = TASKS;

/** The routes of all tasks of a function. */
export function taskRoutes<F extends FunctionName>(work: TaskWork<F>): readonly AnyRoute<Principal>[] {
  const kinds = Object.keys(work) as TaskKindOf<F>[];
  return kinds.map(<K extends TaskKindOf<F>>(kind: K) => taskRoute<TaskBody<K>>(ROWS[kind], work[kind]));
}

/** The route of a call that is answered as tasks are. */
export function taskRoute<Body>(described: Described<Body>, run: Work<Body>): AnyRoute<Principal> {
  return callRoute({ ...described, answer: Done }, async ({ body, request }) => ({
    result: await run(body, request),
  }));
}

/** The route of a call that one part of FedStratus makes to another. */
export function callRoute<Body, Answer>(
  { path, summary, body, answer }: Described<Body> & { readonly answer: z.ZodType<Answer> },
  run: Route<Principal, unknown, unknown, Body, Answer>["run"],
): AnyRoute<Principal> {
  return route<Principal>("parts")({
    method: "POST",
    path,
    summary,
    params: NoParams,
    query: NoQuery,
    body,
    answer: { status: 200, schema: answer },
    run,
  });
}
