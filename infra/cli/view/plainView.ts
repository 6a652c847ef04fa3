// The demo's view for a file, a pipe or a log: one line when a round opens and one when it closes; no control
// characters.
import { closingLines } from "./closing.ts";
import type { DemoView, ViewStream } from "./demoView.ts";
import {
  clientsText,
  countOf,
  infoFacts,
  printable,
  scoreText,
  secondsText,
  shareText,
  stateText,
  usdText,
} from "./format.ts";
import { paletteOf } from "./palette.ts";
import { isOpen, type RoundSnapshot } from "./roundSnapshot.ts";

/** Of the closing table, where the stream has no width of its own. */
const DEFAULT_WIDTH = 100;

export function plainView(stream: ViewStream): DemoView {
  const opened = new Set<number>();
  const closed = new Set<number>();
  let rounds: readonly RoundSnapshot[] = [];
  const write = (line: string) => {
    stream.write(`${line}\n`);
  };
  const showRounds = (isDue: (round: RoundSnapshot) => boolean) => {
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
    start: (info) => {
      for (const [label, value] of infoFacts(info)) write(`${label}: ${printable(value)}`);
    },
    update: (now) => {
      rounds = now;
      showRounds(isScored);
    },
    note: (line) => write(printable(line)),
    finish: (report) => {
      rounds = report.perRound;
      showRounds(() => true);
      write("");
      for (const line of closingLines(report, stream.columns ?? DEFAULT_WIDTH, paletteOf(false))) write(line);
    },
    fail: (message) => {
      showRounds(() => true);
      write(`failed: ${printable(message)}`);
    },
  };
}

/** A closed round's accuracy or loss comes a little later: its line waits for it. */
function isScored({ status, accuracy, loss }: RoundSnapshot): boolean {
  return status !== "closed" || accuracy !== null || loss !== null;
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
    scoreText(snapshot),
    ...(snapshot.atClients === undefined
      ? []
      : [`${snapshot.atClients.metric} at clients ${clientsText(snapshot.atClients)}`]),
    `in time ${shareText(snapshot.eur, 2)}`,
    `${usdText(snapshot.costUsd)} USD`,
  ];
  const how = stateText(snapshot) === status ? status : `${status} (${stateText(snapshot)})`;
  return `round ${round} ${how} after ${secondsText(wallSeconds)} s: ${facts.join(", ")}`;
}
