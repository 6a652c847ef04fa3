// What a case finds, and what cases have in common: whether an exchange ended as it should, and whether an
// update is one.
import { createHash } from "node:crypto";
import { updateShape } from "../../shared/core/methods/training/methodTensors.ts";
import { readUpdate } from "../../shared/core/methods/update/update.ts";
import { updateObject } from "../../shared/core/round/objects.ts";
import type { ReportRequest } from "../../shared/core/schemas/protocol.ts";
import type { Weights } from "../../shared/core/updates/weights.ts";
import { type Bench, type Exchange, reportsOf } from "./exchange.ts";

/** What no message may repeat: the bytes behind a link may be somebody else's. */
export const CANARY = "s3cret-behind-the-link";

/** What a case found: it is passed where there is no problem, or left out for a reason. */
export type Verdict =
  | { readonly problems: readonly string[]; readonly note?: string | undefined }
  | { readonly skipped: string };

export interface Case {
  /** In kebab case: `--only` takes it. */
  readonly name: string;
  /** What a client does that passes, in words. */
  readonly title: string;
  /** @param plain the exchange in which nothing is unusual, played once for all cases. */
  readonly run: (bench: Bench, plain: () => Promise<Exchange>) => Promise<Verdict>;
}

export function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

/** The first report of an update that was taken, with its file. */
export interface Updated {
  readonly request: ReportRequest;
  readonly result: Extract<ReportRequest["result"], { kind: "update" }>;
  /** Undefined where nothing was uploaded for the attempt that is reported. */
  readonly file: Buffer | undefined;
}

/** Undefined where there is none. */
export function updateOf(exchange: Exchange): Updated | undefined {
  for (const { request, seen } of reportsOf(exchange)) {
    if (request?.result.kind !== "update" || seen.answered !== 200) continue;
    const { runId, round, clientId } = exchange.task;
    const object = updateObject(runId, { round, clientId, attempt: request.attempt });
    return { request, result: request.result, file: exchange.objects.get(object) };
  }
  return undefined;
}

export interface Failed {
  readonly code: string;
  readonly reason?: string | undefined;
  readonly message: string;
}

export function failureOf(exchange: Exchange): Failed | undefined {
  for (const { request, seen } of reportsOf(exchange)) {
    if (request?.result.kind === "failure" && seen.answered === 200) return request.result.failure;
  }
  return undefined;
}

/** What kept an exchange from ending in a report of an update; nothing where it did. */
export function updateMissing(exchange: Exchange): readonly string[] {
  if (updateOf(exchange) !== undefined) return [];
  const failure = failureOf(exchange);
  if (failure !== undefined)
    return [`it reported a failure: ${failure.code}: ${failure.message.slice(0, 300)}`];
  const refused = reportsOf(exchange).flatMap(({ problems }) => problems);
  if (refused.length > 0) return [`its report is none: ${refused.slice(0, 5).join("; ")}`];
  return [`it reported nothing that was taken; ${answers(exchange)}`];
}

/** What its last answer to the queue is not: that there is no more to do. */
export function notDone({ deliveries }: Pick<Exchange, "deliveries">): readonly string[] {
  const status = deliveries.at(-1)?.status ?? 0;
  return isSuccess(status)
    ? []
    : [
        `it answered the queue ${status === 0 ? "nothing" : `HTTP ${status}`}: a task that is done is answered 2xx`,
      ];
}

/** What a call that is refused for good was made more often than once, or never. */
export function onceOnly(what: string, times: number): readonly string[] {
  if (times === 1) return [];
  return [
    times === 0 ? `it ${what} nothing` : `it ${what} ${times} times: another call gets the same answer`,
  ];
}

export function answers({ deliveries }: Exchange): string {
  const list = deliveries.map(({ status }) => (status === 0 ? "nothing" : `HTTP ${status}`)).join(", ");
  return `it answered the queue ${list}`;
}

/** The update's delta, decoded as the aggregator does; or what is wrong with it. */
export function deltaOf(
  exchange: Exchange,
): { readonly delta: Weights } | { readonly problems: readonly string[] } {
  const updated = updateOf(exchange);
  if (updated === undefined) return { problems: updateMissing(exchange) };
  if (updated.file === undefined) {
    return { problems: [`nothing was uploaded for attempt ${updated.request.attempt}, which it reported`] };
  }
  const { setup, baseVersion, parameters, training } = exchange;
  const sha256 = createHash("sha256").update(updated.file).digest("hex");
  const read = readUpdate(updated.file, sha256, {
    model: updateShape(training, parameters),
    ...(setup.covers === undefined ? {} : { covers: setup.covers }),
    encoding: setup.encoding ?? "f32",
    baseVersion,
    sha256,
  });
  return read.ok ? { delta: read.delta } : { problems: read.problems.map(({ message }) => message) };
}

/** An option of a run that a client may not know: then it reports so, and trains nothing else instead. */
export function knownOrRefused(exchange: Exchange, check: (delta: Weights) => readonly string[]): Verdict {
  const failure = failureOf(exchange);
  if (failure !== undefined && updateOf(exchange) === undefined) {
    return {
      problems: notDone(exchange),
      note: `it does not know it, and says so: ${failure.message.slice(0, 200)}`,
    };
  }
  const read = deltaOf(exchange);
  return { problems: [...notDone(exchange), ...("delta" in read ? check(read.delta) : read.problems)] };
}

/** A task that cannot be trained, now or later: a failure is reported, and nothing uploaded. */
export function refusedProblems(exchange: Exchange): readonly string[] {
  const updated = updateOf(exchange);
  const failure = failureOf(exchange);
  if (updated !== undefined) return ["it trained all the same, and reported an update"];
  return [
    ...(failure === undefined ? [`it reported no failure; ${answers(exchange)}`] : []),
    ...notDone(exchange),
    ...uploads(exchange).map(({ object }) => `it uploaded ${object ?? "something"}`),
  ];
}

export function uploads({ seen }: Exchange) {
  return seen.filter(
    ({ to, method, answered }) => to === "storage" && method === "PUT" && isSuccess(answered),
  );
}

export function strays({ seen }: Exchange): readonly string[] {
  return seen
    .filter(({ to }) => to === "elsewhere")
    .map(({ method }) => `it sent a ${method} to a server that is not the storage`);
}
