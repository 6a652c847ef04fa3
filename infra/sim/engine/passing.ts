// Passes a relay's model on as the coordinator does: to the next client of a group, once the one before it
// has reported or its time is over.
import type { Command } from "../../../shared/core/protocol/commands.ts";
import { invokeTask, nextInvocation } from "../../../shared/core/round/open.ts";
import { isRelayOver, passTask, turnOf } from "../../../shared/core/round/relay.ts";
import { closeRelay } from "./closing.ts";
import { clientDocument } from "./roster.ts";
import type { World } from "./world.ts";

/** Clients stay registered as long as a simulation lasts. */
const isThere = () => true;

export function passOn(world: World, roundNumber: number, group: number): readonly Command[] {
  const held = world.held.get(roundNumber);
  if (held?.round.status !== "training") return [];
  const { round, invocations } = held;
  const own = [...invocations.values()].filter(({ relay }) => relay?.group === group);
  const turn = turnOf(round, group, own, isThere, world.nowMs);
  if (turn.kind === "waits") return [];
  if (turn.skipped !== null) invocations.set(turn.skipped.clientId, turn.skipped);
  if (turn.kind === "passes") {
    const { capacity } = world.input.population;
    const client = clientDocument(turn.place.clientId, capacity);
    const next = nextInvocation(world.run, round, client, { ...turn, group }, world.nowMs);
    invocations.set(next.clientId, next);
    return [...passTask(next), invokeTask(next)];
  }
  return isRelayOver(round, [...invocations.values()], isThere, world.nowMs) ? closeRelay(world, held) : [];
}
