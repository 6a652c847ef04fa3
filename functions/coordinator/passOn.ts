// Passes a relay's model on: the next client of a group is called once the one before it has reported, or has
// let the deadline of its turn pass.
import { readRound } from "../../shared/cloud/store/found.ts";
import { FlError } from "../../shared/core/errors.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { Command } from "../../shared/core/protocol/commands.ts";
import type { TaskBody } from "../../shared/core/protocol/tasks.ts";
import { invokeTask, isCalled, nextInvocation } from "../../shared/core/round/open.ts";
import { groupOf, membersOf, passTask, turnOf } from "../../shared/core/round/relay.ts";
import type { Client } from "../../shared/core/schemas/client.ts";
import type { Invocation } from "../../shared/core/schemas/invocation.ts";
import type { Round } from "../../shared/core/schemas/round.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import { closeIfComplete, closeIfRelayOver } from "./closeRound.ts";
import type { CoordinatorDeps } from "./deps.ts";
import { registeredClients } from "./documents.ts";

/** At the deadline of a turn. Returns what came of it, in words; repeating it repeats only its tasks. */
export async function passOnAtDeadline(task: TaskBody<"pass-on">, deps: CoordinatorDeps): Promise<string> {
  const { run, round } = await readRound(deps.store, task.runId, task.round);
  if (round.status !== "training") return `round is ${round.status}`;
  const turn = await passOn(run, round, task.group, deps);
  if (turn.kind === "waits" && turn.current.relay?.hop === task.hop) {
    const early = (turn.current.relay.dueAt ?? 0) - deps.nowMs();
    if (early > 0) {
      const message = `The turn of ${turn.current.clientId} in round ${round.round} is not over yet.`;
      throw new FlError("unavailable", message, { retry: { afterMs: early } });
    }
  }
  return turn.kind;
}

/** After a client's report, or a claim that came too late. */
export async function passOnAfter(
  run: Run,
  round: Round,
  clientId: string,
  deps: CoordinatorDeps,
): Promise<void> {
  const group = groupOf(round, clientId);
  if (group !== null && round.status === "training") await passOn(run, round, group, deps);
  else await closeIfComplete(run, round, deps);
}

type Passed =
  | { readonly kind: "waits"; readonly current: Invocation }
  | { readonly kind: "passes"; readonly skipped: Invocation | null; readonly next: Invocation }
  | { readonly kind: "over"; readonly skipped: Invocation | null }
  | { readonly kind: "closed" };

async function passOn(run: Run, known: Round, group: number, deps: CoordinatorDeps): Promise<Passed> {
  const passed = await decide(run, known, group, deps);
  switch (passed.kind) {
    case "waits":
      // The call that has passed it on may have died before it asked for these.
      await deps.dispatch(callsOf(passed.current));
      break;
    case "passes":
      await deps.dispatch(callsOf(passed.next));
      break;
    case "over":
      await closeIfRelayOver(run, known, deps);
      break;
    case "closed":
      await closeIfComplete(run, { ...known, status: "aggregating" }, deps);
  }
  if ("skipped" in passed && passed.skipped !== null) await callOff(passed.skipped, deps);
  return passed;
}

async function decide(run: Run, known: Round, group: number, deps: CoordinatorDeps): Promise<Passed> {
  const { store, nowMs, log } = deps;
  const { runId } = run;
  const members = membersOf(known, group).map(({ clientId }) => clientId);
  const refOf = (clientId: string) => refs.invocation(runId, known.round, clientId);
  const invited = new Set((await store.list(members.map(refOf))).items.map(({ clientId }) => clientId));
  const { clients } = await registeredClients(
    members.filter((clientId) => !invited.has(clientId)),
    deps,
  );
  return store.transact("pass-on", async (transaction): Promise<Passed> => {
    const round = await transaction.get(refs.round(runId, known.round));
    if (round?.status !== "training") return { kind: "closed" };
    const own = (await transaction.getAll(members.map(refOf))).filter((one) => one !== null);
    const turn = turnOf(round, group, own, (clientId) => clients.has(clientId), nowMs());
    if (turn.kind === "waits") return turn;
    const { skipped } = turn;
    if (skipped !== null) {
      transaction.set(refOf(skipped.clientId), skipped);
      const fields = { runId, round: round.round, clientId: skipped.clientId };
      log.warn("client is passed over", { ...fields, reason: skipped.failure?.message });
    }
    if (turn.kind === "over") return turn;
    const client: Client | undefined = clients.get(turn.place.clientId);
    if (client === undefined) throw new FlError("internal", `${turn.place.clientId} is not registered.`);
    const next = nextInvocation(run, round, client, { ...turn, group }, nowMs());
    transaction.create(refOf(next.clientId), next);
    return { kind: "passes", skipped, next };
  });
}

/** The one at its deadline first, so that the turn ends whatever becomes of the other. */
function callsOf(invocation: Invocation): readonly Command[] {
  return [...passTask(invocation), ...(isCalled(invocation) ? [invokeTask(invocation)] : [])];
}

/** No client is to blame where the queue does not answer: one that is called in vain claims nothing. */
async function callOff(skipped: Invocation, { calls, log }: CoordinatorDeps): Promise<void> {
  try {
    await calls.callOff(invokeTask(skipped));
  } catch (error) {
    const { runId, round, clientId } = skipped;
    log.warn("a call is not called off", { runId, round, clientId, error });
  }
}
