// Rounds as lines of text, each once: one when it opens and one when it is closed and scored.
import { clientsText, countOf, scoreText, secondsText, shareText, stateText, usdText } from "./format.ts";
import { isOpen, type RoundSnapshot } from "./roundSnapshot.ts";

export interface RoundLog {
  /**
   * Writes what is new of them, and of those shown before that are left out now what still waited for its
   * score.
   *
   * @param rounds first to last; one that was left out does not come again
   */
  show(rounds: readonly RoundSnapshot[]): void;
  /** Writes of the rounds shown last what still waits for a score. */
  rest(): void;
}

export function roundLog(write: (line: string) => void): RoundLog {
  const opened = new Set<number>();
  const closed = new Set<number>();
  let rounds: readonly RoundSnapshot[] = [];
  const showRounds = (rounds: readonly RoundSnapshot[], isDue: (round: RoundSnapshot) => boolean) => {
    for (const snapshot of rounds) {
      const { round } = snapshot;
      if (!opened.has(round)) write(openedLine(snapshot));
      opened.add(round);
      if (isOpen(snapshot) || closed.has(round) || !isDue(snapshot)) continue;
      write(closedLine(snapshot));
      closed.add(round);
    }
  };
  return {
    show: (now) => {
      const first = now[0]?.round ?? 0;
      const gone = rounds.filter(({ round }) => round < first);
      showRounds(gone, () => true);
      for (const { round } of gone) for (const told of [opened, closed]) told.delete(round);
      rounds = now;
      showRounds(rounds, isScored);
    },
    rest: () => showRounds(rounds, () => true),
  };
}

/** A closed round's accuracy or loss comes a little later: its line waits for it, unless none is to come. */
function isScored({ status, accuracy, loss, isUnscored }: RoundSnapshot): boolean {
  return status !== "closed" || accuracy !== null || loss !== null || isUnscored === true;
}

function openedLine({ round, invoked, deadlineSeconds }: RoundSnapshot): string {
  return `round ${round} opened: ${invoked} invoked, deadline ${Math.ceil(deadlineSeconds)} s`;
}

function closedLine(snapshot: RoundSnapshot): string {
  const { round, status, wallSeconds, reported, invoked, late, failed, missed, coldStarts } = snapshot;
  const facts = [
    `${reported}/${invoked} reported`,
    ...(late === 0 ? [] : [`${late} late`]),
    ...(failed === 0 ? [] : [`${failed} failed`]),
    ...(missed === 0 ? [] : [`${missed} missed`]),
    countOf(coldStarts, "cold start"),
    snapshot.isUnscored === true ? "not scored" : scoreText(snapshot),
    ...(snapshot.atClients === undefined
      ? []
      : [`${snapshot.atClients.metric} at clients ${clientsText(snapshot.atClients)}`]),
    `in time ${shareText(snapshot.eur, 2)}`,
    `${usdText(snapshot.costUsd)} USD`,
  ];
  const how = stateText(snapshot) === status ? status : `${status} (${stateText(snapshot)})`;
  return `round ${round} ${how} after ${secondsText(wallSeconds)} s: ${facts.join(", ")}`;
}
