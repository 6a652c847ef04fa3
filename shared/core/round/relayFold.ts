// What a round with a relay folds: of each group the last model, for all the updates that it is made of.
import type { DroppedUpdate } from "../schemas/round.ts";
import type { WantedUpdate } from "./foldSource.ts";
import { trainedBefore } from "./relay.ts";

/** A group's update to fold, and those that its client has trained on, itself the last. */
export interface RelayedUpdate extends WantedUpdate {
  readonly through: readonly WantedUpdate[];
}

/**
 * The last update of each group, in the order of the updates, with the samples and steps of all that it is
 * made of.
 *
 * @param wanted of invocations of one round with a relay.
 */
export function lastOfGroups(wanted: readonly WantedUpdate[]): readonly RelayedUpdate[] {
  const lasts = new Map<number, WantedUpdate>();
  for (const one of wanted) {
    const { group, hop } = turnOf(one);
    const last = lasts.get(group);
    if (last === undefined || turnOf(last).hop < hop) lasts.set(group, one);
  }
  return wanted.filter((one) => lasts.get(turnOf(one).group) === one).map((last) => relayed(last, wanted));
}

/**
 * What is folded of a group whose update has turned out bad: the last one before it. Undefined where there is
 * none.
 */
export function lastBefore(bad: WantedUpdate, wanted: readonly WantedUpdate[]): RelayedUpdate | undefined {
  const { group, hop } = turnOf(bad);
  const before = wanted.filter((one) => turnOf(one).group === group && turnOf(one).hop < hop);
  return lastOfGroups(before)[0];
}

/** The updates of the groups that are folded which are no part of what is: others have passed over them. */
export function passedBy(
  folded: readonly Pick<WantedUpdate, "through">[],
  wanted: readonly WantedUpdate[],
  dropped: readonly DroppedUpdate[],
): readonly DroppedUpdate[] {
  const parts = new Set([...folded.flatMap(({ through = [] }) => through), ...wanted.filter(isDropped)]);
  return wanted
    .filter((one) => !parts.has(one))
    .map(({ update }) => ({
      ...update,
      fate: "expired",
      reason:
        "A later client of its group could not use it and began from an earlier model, so that it is no part of the group's last one.",
    }));

  function isDropped({ update }: WantedUpdate): boolean {
    return dropped.some(({ clientId, round }) => clientId === update.clientId && round === update.round);
  }
}

function turnOf({ invocation: { relay } }: WantedUpdate): { readonly group: number; readonly hop: number } {
  return { group: relay?.group ?? 0, hop: relay?.hop ?? 0 };
}

function relayed(last: WantedUpdate, wanted: readonly WantedUpdate[]): RelayedUpdate {
  const byClient = new Map(wanted.map((one) => [one.update.clientId, one]));
  const invocations = new Map(wanted.map(({ invocation }) => [invocation.clientId, invocation]));
  const before = trainedBefore(last.invocation, invocations);
  const through = [...before.flatMap(({ clientId }) => byClient.get(clientId) ?? []), last];
  const sum = (of: (one: WantedUpdate) => number) => through.reduce((total, one) => total + of(one), 0);
  return { ...last, samples: sum(({ samples }) => samples), steps: sum(({ steps }) => steps), through };
}
