// Relays: within a group of a round the model goes from client to client. Which turn a group is at, and what
// the next client starts from. See docs/decisions/0027-relays.md.
import type { RelayMember } from "../methods/relay/relayMethod.ts";
import { relayOf } from "../methods/relay/relayOf.ts";
import { movingAverage } from "../methods/selection/movingAverage.ts";
import type { RosterEntry } from "../methods/selection/strategy.ts";
import type { CommandOf } from "../protocol/commands.ts";
import { type Random, randomFrom } from "../random.ts";
import { type Invocation, MAX_STARTS, type RelayStart } from "../schemas/invocation.ts";
import type { RelayPlace, Round } from "../schemas/round.ts";
import type { StoredRunSpec } from "../schemas/spec.ts";
import { sharesOf } from "./labels.ts";

type Groups = NonNullable<Round["relay"]>["groups"];

export function isRelay({ relay }: Pick<Round, "relay">): boolean {
  return relay !== undefined;
}

/** What an average of a client's work counts its newest invocation for. */
const NEWEST = 0.5;

/** What the roster knows of a client that a relay may look at. */
export type ArrangedEntry = Pick<RosterEntry, "clientId"> &
  Partial<Pick<RosterEntry, "trainMsHistory" | "labelShares">>;

/**
 * The groups of a round, by the run's relay; undefined where it has none.
 *
 * @param places of the cohort, in any order; at least one.
 */
export function arranged(
  spec: Pick<StoredRunSpec, "round" | "seed">,
  round: number,
  places: readonly RelayPlace[],
  roster: readonly ArrangedEntry[],
): Groups | undefined {
  const { relay } = spec.round;
  if (relay === undefined) return undefined;
  const known = new Map(roster.map((entry) => [entry.clientId, entry]));
  const placeOf = new Map(places.map((place) => [place.clientId, place]));
  const members = places.map(({ clientId }) => memberOf(clientId, known.get(clientId)));
  const random: Random = randomFrom(spec.seed, round, "relay");
  const groups = relayOf(relay).arrange(members, relay, random);
  return groups.map((ids) => ({ members: ids.flatMap((clientId) => placeOf.get(clientId) ?? []) }));
}

function memberOf(clientId: string, entry: ArrangedEntry | undefined): RelayMember {
  const history = entry?.trainMsHistory ?? [];
  return {
    clientId,
    workMs: history.length === 0 ? null : movingAverage(history, NEWEST),
    labelShares: entry?.labelShares === undefined ? null : sharesOf(entry.labelShares),
  };
}

/**
 * Seconds from a round's opening to its deadline: each turn of the longest group, and one more for what lies
 * between them. A round ends before that once every group has had its turns.
 */
export function relaySeconds(groups: Groups, turnSeconds: number): number {
  return (Math.max(...groups.map(({ members }) => members.length)) + 1) * turnSeconds;
}

/** The group that a client is in, from 1; null where it is in none. */
export function groupOf({ relay }: Pick<Round, "relay">, clientId: string): number | null {
  const index = relay?.groups.findIndex(({ members }) => members.some((one) => one.clientId === clientId));
  return index === undefined || index < 0 ? null : index + 1;
}

/** The clients of a group, in the order of their turns. */
export function membersOf({ relay }: Pick<Round, "relay">, group: number): readonly RelayPlace[] {
  return relay?.groups[group - 1]?.members ?? [];
}

export type Turn =
  /** The client whose turn it is has time left. */
  | { readonly kind: "waits"; readonly current: Invocation }
  | {
      readonly kind: "passes";
      /** The client that is passed over, as its invocation is then; null where it has answered. */
      readonly skipped: Invocation | null;
      readonly place: RelayPlace;
      readonly hop: number;
      readonly from: readonly RelayStart[];
    }
  /** Every client of the group has had its turn. */
  | { readonly kind: "over"; readonly skipped: Invocation | null };

/**
 * What follows in a group. A client that has failed, or has not reported by its own deadline, is passed over:
 * the next one starts from the last good model of the group.
 *
 * @param invocations of the group in this round: of those clients whose turn has come.
 * @param isThere whether a client is registered still; one that is not has no turn.
 */
export function turnOf(
  round: Pick<Round, "relay">,
  group: number,
  invocations: readonly Invocation[],
  isThere: (clientId: string) => boolean,
  nowMs: number,
): Turn {
  const current = lastTurn(invocations);
  const isDone = current === null || hasHadItsTurn(current);
  if (current !== null && !isDone && nowMs < (current.relay?.dueAt ?? 0)) return { kind: "waits", current };
  const skipped = current === null || isDone ? null : passedOver(current, nowMs);
  const hop = current?.relay?.hop ?? 0;
  const members = membersOf(round, group);
  const next = members.findIndex(({ clientId }, index) => index >= hop && isThere(clientId));
  const place = members[next];
  if (place === undefined) return { kind: "over", skipped };
  return { kind: "passes", skipped, place, hop: next + 1, from: startsOf(invocations) };
}

/** The newest turn that has come; null where none has. */
function lastTurn(invocations: readonly Invocation[]): Invocation | null {
  return invocations.reduce<Invocation | null>(
    (last, one) => ((one.relay?.hop ?? 0) > (last?.relay?.hop ?? 0) ? one : last),
    null,
  );
}

function hasHadItsTurn({ relay, reportedAt }: Invocation): boolean {
  return reportedAt !== null || relay?.skippedAt !== undefined;
}

/** Why no later report of it counts. */
export const PASSED_OVER =
  "its turn in the relay was over, and the next client of its group had gone on without it; if that is often so, raise round.deadlineSeconds";

function passedOver(invocation: Invocation, nowMs: number): Invocation {
  const { relay, failure, claimedAt } = invocation;
  if (relay === undefined) return invocation;
  const did = claimedAt === null ? "had not claimed" : "had claimed, and not reported";
  const message = `It ${did} by the deadline of its turn: the next client of its group went on without it.`;
  return {
    ...invocation,
    relay: { ...relay, skippedAt: nowMs },
    failure: failure ?? { code: "missed", message },
    updatedAt: nowMs,
  };
}

/** The group's good updates that the next client is handed, the newest first. */
function startsOf(invocations: readonly Invocation[]): readonly RelayStart[] {
  return invocations
    .filter(({ status, update }) => status === "reported" && update !== null)
    .toSorted((a, b) => (b.relay?.hop ?? 0) - (a.relay?.hop ?? 0))
    .slice(0, MAX_STARTS)
    .flatMap(({ clientId, update }) => (update === null ? [] : [{ clientId, ...update }]));
}

/** The statuses of those who have a turn, or have let one pass. */
export const UNANSWERED = ["invoked", "training"] as const satisfies readonly Invocation["status"][];

/**
 * Whether every group of a round may have had all its turns, by a count alone, so that the end of a group
 * hardly ever has to look at each invocation; null where a count does not say. Never false where they have.
 *
 * @param unanswered how many invocations of the round are in one of these statuses. A client that was passed
 *   over is among them, but no turn ends before the first ones are due.
 * @param turnSeconds that each turn has.
 */
export function mayBeOver(
  { openedAt }: Pick<Round, "openedAt">,
  turnSeconds: number,
  unanswered: number,
  nowMs: number,
): boolean | null {
  if (unanswered === 0) return true;
  return nowMs < openedAt + turnSeconds * 1_000 ? false : null;
}

/** Whether an invocation's client has its turn still: it has neither answered nor been passed over. */
export function isAtItsTurn(invocation: Invocation): boolean {
  return UNANSWERED.some((status) => status === invocation.status) && !hasHadItsTurn(invocation);
}

/**
 * Whether every group of a round has had all its turns.
 *
 * @param invocations of the round, of all groups.
 */
export function isRelayOver(
  round: Pick<Round, "relay">,
  invocations: readonly Invocation[],
  isThere: (clientId: string) => boolean,
  nowMs: number,
): boolean {
  const byGroup = Map.groupBy(invocations, ({ relay }) => relay?.group ?? 0);
  return (round.relay?.groups ?? []).every((_, index) => {
    const turn = turnOf(round, index + 1, byGroup.get(index + 1) ?? [], isThere, nowMs);
    return turn.kind === "over" && turn.skipped === null;
  });
}

/** What becomes of an invocation's reason in a relay, for people. */
export function turnReason(reason: string, group: number, hop: number, from: readonly RelayStart[]): string {
  const [first] = from;
  const start = first === undefined ? "from the version" : `from ${first.clientId}`;
  return `${reason}; turn ${hop} of group ${group}, ${start}`;
}

/** The task that passes a group's model on at the deadline of this turn. */
export function passTask({ runId, round, relay }: Invocation): readonly CommandOf<"pass-on">[] {
  if (relay === undefined) return [];
  return [{ kind: "pass-on", runId, round, group: relay.group, hop: relay.hop, atMs: relay.dueAt }];
}

/**
 * The turns of a relay in training that something must follow: the newest of each group that is not over.
 *
 * @param invocations of the round, of all groups.
 */
export function turnsUnderWay(
  round: Pick<Round, "relay">,
  invocations: readonly Invocation[],
  nowMs: number,
): readonly Invocation[] {
  const byGroup = Map.groupBy(invocations, ({ relay }) => relay?.group ?? 0);
  return [...byGroup].flatMap(([group, own]) => {
    const turn = turnOf(round, group, own, () => true, nowMs);
    const last = lastTurn(own);
    return last === null || (turn.kind === "over" && turn.skipped === null) ? [] : [last];
  });
}

/**
 * Of a relay: the invocations whose updates one was trained on, in the order of their turns.
 *
 * @param invocations of its round, by client.
 */
export function trainedBefore(
  invocation: Invocation,
  invocations: ReadonlyMap<string, Invocation> | undefined,
): readonly Invocation[] {
  const from = startedFrom(invocation);
  const before = from === null ? undefined : invocations?.get(from.clientId);
  return before === undefined ? [] : [...trainedBefore(before, invocations), before];
}

/** The update of its group that an invocation's own was trained from; null where it began from the version. */
function startedFrom({ relay }: Invocation): RelayStart | null {
  return relay?.from[relay.passedOver ?? 0] ?? null;
}
