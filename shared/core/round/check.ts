// A check of a client: how it is asked for, what the client's two calls and the queue's answers make of it.
import * as z from "zod";
import { FlError } from "../errors.ts";
import { isLasting } from "../failureReasons.ts";
import type { Command } from "../protocol/commands.ts";
import { CHECKS_TTL_MS, type Check, type ClientChecks, MAX_CHECKS } from "../schemas/check.ts";
import type { CheckReport } from "../schemas/checkCalls.ts";
import type { Client } from "../schemas/client.ts";
import type { InvocationFailure } from "../schemas/failure.ts";
import { Instant } from "../schemas/ids.ts";

/** What the client's function may need on top of its time-out: a cold start, and a call before it. */
const WAITING_MS = 120_000;

/** Claims of one check: the queue's three tries, and a few delivered twice. */
const MAX_ATTEMPTS = 10;

/** The shortest and longest pause between two looks at what became of the call. */
const [LEAST_PAUSE_MS, LONGEST_PAUSE_MS] = [500, 30_000];

export interface AskedFor {
  readonly runId: string | null;
  readonly data: string | null;
  readonly askedBy: string;
}

/**
 * The client's checks with a new one.
 *
 * @throws FlError("failed-precondition") while another one may still be answered.
 */
export function askCheck(
  known: ClientChecks | null,
  client: Client,
  { runId, data, askedBy }: AskedFor,
  nowMs: number,
): { readonly checks: ClientChecks; readonly check: Check } {
  const { clientId, url, serviceAccount, capacity } = client;
  const before = (known?.checks ?? []).map((check) => shownCheck(check, nowMs));
  const [last] = before;
  if (last !== undefined && isOpen(last)) {
    const afterMs = Math.min(5_000, last.untilAt - nowMs);
    throw new FlError(
      "failed-precondition",
      `Check ${last.number} of client ${clientId} is not over: read it at /v1/clients/${clientId}/checks, or wait.`,
      { retry: { afterMs } },
    );
  }
  const check: Check = {
    clientId,
    number: (last?.number ?? 0) + 1,
    status: "asked",
    runId,
    data,
    url,
    serviceAccount,
    capacity,
    problems: [],
    facts: null,
    attempts: 0,
    seen: null,
    otherAccount: null,
    askedBy,
    askedAt: nowMs,
    untilAt: nowMs + capacity.timeoutSeconds * 1_000 + WAITING_MS,
    claimedAt: null,
    endedAt: null,
  };
  return { check, checks: kept(clientId, [check, ...before], nowMs) };
}

/** What has the check begin; asking again is harmless. */
export function checkCommands({ clientId, number }: Check): readonly Command[] {
  return [{ kind: "check-client", clientId, number, pass: 1 }];
}

/** The task that calls the client. */
export function callCheck({ clientId, number, url, capacity }: Check): Command {
  return { kind: "check", clientId, number, url, timeoutSeconds: capacity.timeoutSeconds };
}

export function isOpen({ status }: Check): boolean {
  return status === "asked" || status === "running";
}

/** The check of this number, where it is the client's last; null for another. */
export function openCheck(checks: ClientChecks | null, number: number): Check | null {
  const [last] = checks?.checks ?? [];
  return last?.number === number ? last : null;
}

/** The client's checks with its last one changed. */
export function withCheck({ clientId, checks }: ClientChecks, check: Check, nowMs: number): ClientChecks {
  return kept(clientId, [check, ...checks.slice(1)], nowMs);
}

function kept(clientId: string, checks: readonly Check[], nowMs: number): ClientChecks {
  return { clientId, checks: checks.slice(0, MAX_CHECKS), deleteAt: nowMs + CHECKS_TTL_MS };
}

/** A check as people see it: one that nobody looked at again any more is over, too. */
export function shownCheck(check: Check, nowMs: number): Check {
  return isOpen(check) && nowMs >= check.untilAt ? unanswered(check, nowMs) : check;
}

export type CheckClaimVerdict =
  | { readonly kind: "granted"; readonly check: Check }
  | { readonly kind: "over"; readonly reason: string };

/** The check once its client has claimed it. */
export function claimCheck(check: Check, nowMs: number): CheckClaimVerdict {
  const over = (why: string): CheckClaimVerdict => ({
    kind: "over",
    reason: `Nothing to do for check ${check.number} of ${check.clientId}: ${why}.`,
  });
  if (!isOpen(check)) return over(`it is ${check.status}`);
  if (nowMs >= check.untilAt) return over("its time is over");
  if (check.attempts >= MAX_ATTEMPTS) return over(`it was claimed ${MAX_ATTEMPTS} times and never reported`);
  return {
    kind: "granted",
    check: {
      ...check,
      status: "running",
      attempts: check.attempts + 1,
      claimedAt: check.claimedAt ?? nowMs,
    },
  };
}

/** The check that an account tried to claim which is not its client's. Null where that is noted, or it is over. */
export function claimedCheckByOther(check: Check, email: string): Check | null {
  if (!isOpen(check) || check.otherAccount !== null || check.claimedAt !== null) return null;
  return { ...check, otherAccount: email.slice(0, 320) };
}

/** The check of a client that does not know what the run asks of it. */
export function checkOfOlder(
  check: Check,
  { known, needed }: { readonly known: number; readonly needed: number },
  nowMs: number,
): Check {
  const message = `The client's function at ${check.url} knows release ${known} of the client protocol, and the run needs ${needed}: deploy this release there.`;
  return failed(check, [{ code: "failed-precondition", reason: "older-release", message }], nowMs);
}

/**
 * The check with what the client reports; null where it has an end that the client itself has reported. One
 * that came too late to be waited for counts all the same.
 */
export function reportCheck(
  check: Check,
  { facts, problems }: Pick<CheckReport, "facts" | "problems">,
  nowMs: number,
): Check | null {
  if (check.status === "passed" || (check.status === "failed" && check.facts !== null)) return null;
  const reported = { ...check, facts, attempts: Math.max(1, check.attempts) };
  return problems.length > 0
    ? failed(reported, problems, nowMs)
    : { ...reported, status: "passed", problems: [], endedAt: nowMs };
}

function failed(check: Check, problems: readonly InvocationFailure[], nowMs: number): Check {
  return { ...check, status: "failed", problems: [...problems], endedAt: nowMs };
}

export interface Looked {
  /** As it is now; the same object where nothing is new. */
  readonly check: Check;
  /** When to look again; null where it is over. */
  readonly againAtMs: number | null;
  /** Whether no further call of the client is worth making. */
  readonly callOff: boolean;
}

/**
 * What a look at the queue makes of an open check.
 *
 * @param call what the queue has of its task; null once that is over, whether answered or given up.
 * @param pass counts the looks, from 2.
 */
export function lookedAt(
  check: Check,
  call: { readonly lastAnswer: string | null } | null,
  pass: number,
  nowMs: number,
): Looked {
  if (!isOpen(check)) return { check, againAtMs: null, callOff: false };
  const seen = call?.lastAnswer ?? check.seen;
  const known = seen === check.seen ? check : { ...check, seen: seen === null ? null : seen.slice(0, 300) };
  const status = statusIn(seen);
  // Those answers stay the same, whatever the number of tries.
  const isHopeless = known.claimedAt === null && status !== null && HOPELESS.has(status);
  if (isHopeless || call === null || nowMs >= check.untilAt) {
    return { check: unanswered(known, nowMs), againAtMs: null, callOff: call !== null };
  }
  const pauseMs = Math.min(LONGEST_PAUSE_MS, LEAST_PAUSE_MS * 2 ** Math.min(pass - 1, 10));
  return { check: known, againAtMs: Math.min(nowMs + pauseMs, check.untilAt), callOff: false };
}

/** When the call is looked at first. */
export function firstLookMs(nowMs: number): number {
  return nowMs + LEAST_PAUSE_MS;
}

const HOPELESS: ReadonlySet<number> = new Set([401, 403, 404, 405]);

/** The HTTP status in how a call ended, in the queue's words. */
function statusIn(seen: string | null): number | null {
  const status = /\bHTTP (?:status code )?(\d{3})\b/i.exec(seen ?? "")?.[1];
  return status === undefined ? null : Number(status);
}

function unanswered(check: Check, nowMs: number): Check {
  const problem = { code: "unavailable", ...whyUnanswered(check) };
  return { ...check, status: "unanswered", problems: [problem], endedAt: nowMs };
}

/** Every way to hear nothing, and what to do about it. */
function whyUnanswered(check: Check): Pick<InvocationFailure, "reason" | "message"> {
  const { url, serviceAccount, claimedAt, attempts, capacity, seen, otherAccount, untilAt } = check;
  const answer = seen === null ? "" : ` The queue's last call ended with: ${seen}.`;
  if (claimedAt !== null) {
    const message = `The client's function began ${attempts === 1 ? "once" : `${attempts} times`} and never reported: it ran out of memory (it is registered with ${capacity.memoryMib} MiB) or of time (${capacity.timeoutSeconds} s), or it cannot reach the coordinator.${answer} Its own log says more.`;
    return { reason: "no-report", message };
  }
  if (otherAccount !== null) {
    const message = `Its function runs as ${otherAccount}, and the client is registered with ${serviceAccount}: register it with the account that it runs as. If the former is not the account of this client's own function, another account tried.${answer}`;
    return { reason: "wrong-account", message };
  }
  const status = statusIn(seen);
  if (status === 401 || status === 403) {
    const message = `${url} did not let the call in.${answer} Its CLIENT_URL is to be this very address, its TASK_INVOKER the client queue's service account, and that account needs the right to call it (roles/run.invoker).`;
    return { reason: "not-let-in", message };
  }
  if (status === 404 || status === 405) {
    const message = `${url} answers, and knows no checks.${answer} Either this is not the address of a client's function, or that function is of a release before checks: deploy this release there. Rounds work without.`;
    return { reason: "knows-no-checks", message };
  }
  if (status !== null && status >= 500) {
    const message = `${url} answers, and its function fails before it claims.${answer} Its own log says why: often a variable that is missing, too little memory to start, or a coordinator that it cannot reach or that does not know its account.`;
    return { reason: "fails-to-start", message };
  }
  const waited = `until ${z.encode(Instant, untilAt)}`;
  const message =
    seen === null
      ? `Nothing claimed the check, and how its calls ended was not seen; an answer was waited for ${waited} at the longest. Check that url is the address of the client's function, that the client queue's service account may call it, and that it claims as ${serviceAccount}.`
      : `${url} cannot be reached.${answer} Check the address, and that its ingress lets the client queue in.`;
  return { reason: "unreachable", message };
}

/**
 * The client's document after one of its checks has ended by its own report. Its rosters are told by
 * `updatedAt`, so that it is invited again where nothing is wrong any more.
 */
export function checkedClient(client: Client, check: Check, nowMs: number): Client {
  const lasting = check.problems.find(({ reason }) => reason !== undefined && isLasting(reason));
  const { cannot: _, ...rest } = client;
  return {
    ...rest,
    ...(lasting?.reason === undefined
      ? {}
      : { cannot: { runId: check.runId, reason: lasting.reason, at: nowMs } }),
    updatedAt: nowMs,
  };
}
