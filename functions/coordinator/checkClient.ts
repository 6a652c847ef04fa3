// Checks of clients: has the client called, hands it what it is to look at, takes what it found, and looks
// what became of a call that brought nothing.
import type { Principal } from "../../shared/cloud/auth/verifyIdToken.ts";
import { readRun } from "../../shared/cloud/store/found.ts";
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { Command } from "../../shared/core/protocol/commands.ts";
import type { TaskBody } from "../../shared/core/protocol/tasks.ts";
import {
  type CheckClaimVerdict,
  callCheck,
  checkedClient,
  checkOfOlder,
  claimCheck,
  claimedCheckByOther,
  firstLookMs,
  isOpen,
  lookedAt,
  openCheck,
  reportCheck,
  withCheck,
} from "../../shared/core/round/check.ts";
import { neededRelease } from "../../shared/core/round/clientRelease.ts";
import { modelObject, topologyObject } from "../../shared/core/round/objects.ts";
import type { Check, ClientChecks } from "../../shared/core/schemas/check.ts";
import type {
  CheckClaim,
  CheckGrant,
  CheckReceipt,
  CheckReport,
} from "../../shared/core/schemas/checkCalls.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import type { CoordinatorDeps } from "./deps.ts";
import { notTheirs } from "./documents.ts";

/** As long as those of a grant. */
const READ_LINK_SECONDS = 600;

/** The first pass has the client called, and each later one looks; returns what came of it, in words. */
export async function checkClient(
  { clientId, number, pass }: TaskBody<"check-client">,
  deps: CoordinatorDeps,
): Promise<string> {
  const { store, dispatch, calls, nowMs } = deps;
  const known = openCheck(await store.get(refs.checks(clientId)), number);
  if (known === null || !isOpen(known)) return "the check is over";
  const look = (next: number, atMs: number): Command => ({
    kind: "check-client",
    clientId,
    number,
    pass: next,
    atMs,
  });
  if (pass === 1) {
    // One after the other: a look that finds no call in the queue takes it for given up.
    await dispatch([callCheck(known)]);
    await dispatch([look(2, firstLookMs(nowMs()))]);
    return "the client is called";
  }
  const call = await calls.find(callCheck(known));
  const looked = await changeCheck(clientId, number, deps, (check) => {
    const seen = lookedAt(check, call, pass, nowMs());
    return { check: seen.check, answer: seen };
  });
  if (looked === null) return "the check is over";
  if (looked.callOff) await calls.callOff(callCheck(known));
  if (looked.againAtMs === null) return `the check is ${looked.check.status}`;
  await dispatch([look(pass + 1, looked.againAtMs)]);
  return "an answer is awaited";
}

type Claimed = CheckClaimVerdict | { readonly kind: "other" } | { readonly kind: "older" };

/** @throws FlError as a claim of an invocation does. */
export async function claimClientCheck(
  { clientId, number, release }: CheckClaim,
  caller: Principal,
  deps: CoordinatorDeps,
): Promise<CheckGrant> {
  const { store, nowMs } = deps;
  const asked = openCheck(await store.get(refs.checks(clientId)), number);
  const run = asked === null || asked.runId === null ? null : await readRun(store, asked.runId);
  const needed = run === null ? 1 : neededRelease(run.spec, run.model?.parameters ?? []);
  const claimed = await changeCheck<Claimed>(clientId, number, deps, (check) => {
    if (!isOf(check, caller)) {
      return { check: claimedCheckByOther(check, caller.email) ?? check, answer: { kind: "other" } };
    }
    if (release < needed && isOpen(check)) {
      const older = checkOfOlder(check, { known: release, needed }, nowMs());
      return { check: older, answer: { kind: "older" } };
    }
    const verdict = claimCheck(check, nowMs());
    return { check: verdict.kind === "granted" ? verdict.check : check, answer: verdict };
  });
  if (claimed === null || claimed.kind === "other") throw notTheirs();
  if (claimed.kind === "older") {
    const message = `Check ${number} of ${clientId} is about a run that needs release ${needed} of the client protocol, and this client knows ${release}: deploy a client of this release.`;
    throw new FlError("failed-precondition", message, { retry: "never" });
  }
  if (claimed.kind === "over") throw new FlError("failed-precondition", claimed.reason, { retry: "never" });
  return grantFor(claimed.check, run, deps);
}

/** Takes what a client found, and tells the rosters of all runs that it may be invited again, or not. */
export async function reportClientCheck(
  { clientId, number, facts, problems }: CheckReport,
  caller: Principal,
  { store, log, nowMs }: CoordinatorDeps,
): Promise<CheckReceipt> {
  const [checksRef, clientRef] = [refs.checks(clientId), refs.client(clientId)];
  const check = await store.transact("change-check", async (transaction) => {
    const checks = await transaction.get(checksRef);
    const client = await transaction.get(clientRef);
    const known = openCheck(checks, number);
    if (checks === null || known === null || !isOf(known, caller)) throw notTheirs();
    const reported = reportCheck(known, { facts, problems }, nowMs());
    if (reported === null) return null;
    transaction.set(checksRef, withCheck(checks, reported, nowMs()));
    // Retired, or registered anew meanwhile, it is another's to say.
    const isSame = client !== null && !client.retired && client.serviceAccount === known.serviceAccount;
    if (isSame) transaction.set(clientRef, checkedClient(client, reported, nowMs()));
    return reported;
  });
  if (check === null) return { status: "ignored" };
  log.info("client checked", { clientId, number, status: check.status });
  return { status: "taken" };
}

function isOf({ serviceAccount }: Check, caller: Principal): boolean {
  return serviceAccount.toLowerCase() === caller.email;
}

/** Null where there is no such check any more; the same check is not written again. */
async function changeCheck<T>(
  clientId: string,
  number: number,
  { store, nowMs }: CoordinatorDeps,
  change: (check: Check) => { readonly check: Check; readonly answer: T },
): Promise<T | null> {
  return store.transact("change-check", async (transaction) => {
    const ref = refs.checks(clientId);
    const checks: ClientChecks | null = await transaction.get(ref);
    const known = openCheck(checks, number);
    if (checks === null || known === null) return null;
    const { check, answer } = change(known);
    if (check !== known) transaction.set(ref, withCheck(checks, check, nowMs()));
    return answer;
  });
}

async function grantFor(
  { data, untilAt }: Check,
  run: Run | null,
  { objects, nowMs }: CoordinatorDeps,
): Promise<CheckGrant> {
  const named = data === null ? {} : { data };
  if (run === null || run.model === null || run.modelVersion === null) return { untilAt, ...named };
  const readLink = async (name: string) => {
    const link = await objects.signedReadUrl(name, { expiresInSeconds: READ_LINK_SECONDS });
    return { ...link, headers: { ...link.headers }, expiresAt: nowMs() + READ_LINK_SECONDS * 1_000 };
  };
  const [topology, model] = await Promise.all([
    "parameters" in run.spec.model ? undefined : readLink(topologyObject(run.runId)),
    readLink(modelObject(run.runId, run.modelVersion)),
  ]);
  const { training, seed } = run.spec;
  return {
    untilAt,
    ...named,
    run: {
      ...{ runId: run.runId, training, seed, parameters: run.model.parameters, model },
      ...(topology === undefined ? {} : { topology }),
    },
  };
}
