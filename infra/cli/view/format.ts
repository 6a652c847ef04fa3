// Numbers and words as every view of the demo writes them.
import { stripVTControlCharacters } from "node:util";
import type { DemoInfo } from "./demoView.ts";
import { isOpen, type RoundSnapshot } from "./roundSnapshot.ts";

/** Stands where there is nothing to say: not known yet, or none. */
const NONE = "–";

/** None is a dash, so that what did happen stands out in a table. */
export function countText(count: number): string {
  return count === 0 ? NONE : String(count);
}

/** A share in 0..1. */
export function shareText(share: number | null, digits: number): string {
  return share === null ? NONE : share.toFixed(digits);
}

/** How good a version is: its accuracy, or its loss where the run has no accuracy. */
export function scoreText({ accuracy, loss }: Pick<RoundSnapshot, "accuracy" | "loss">): string {
  return accuracy === null && loss !== null ? `loss ${lossText(loss)}` : `accuracy ${shareText(accuracy, 3)}`;
}

/** Four digits that count: a loss may be of any size. */
export function lossText(loss: number | null): string {
  return loss === null ? NONE : String(Number(loss.toPrecision(4)));
}

/** What clients score, and the worst tenth of them. */
export function clientsText(score: RoundSnapshot["atClients"]): string {
  if (score === undefined) return NONE;
  const { metric, mean, worst } = score;
  const textOf = (value: number) => (metric === "loss" ? lossText(value) : shareText(value, 3));
  return worst === null ? textOf(mean) : `${textOf(mean)} (${textOf(worst)})`;
}

/** To a thousandth of a cent: one invocation costs about that. */
export function usdText(usd: number | null): string {
  return usd === null ? NONE : usd.toFixed(5);
}

export function secondsText(seconds: number): string {
  return seconds.toFixed(1);
}

/** "1 round", "2 rounds". */
export function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Where a round stands while it is open, why it closed afterwards. */
export function stateText(snapshot: RoundSnapshot): string {
  const { status, closeReason } = snapshot;
  if (isOpen(snapshot) || closeReason === null) return status;
  const reason = closeReason.replaceAll("-", " ");
  return status === "degraded" && closeReason !== "too-few-updates" ? `${reason}, degraded` : reason;
}

/** What a run is about, as label and value, and how many rounds it is for. */
export interface Head {
  readonly facts: readonly (readonly [label: string, value: string])[];
  readonly rounds: number;
}

export function demoHead(info: DemoInfo): Head {
  const { clients, cohort, rounds, strategy, seed } = info;
  return {
    rounds,
    facts: [
      ["FedStratus", info.title],
      [
        "run",
        `${countOf(clients, "client")}, ${cohort} a round, ${countOf(rounds, "round")}, selection ${strategy}, seed ${seed}`,
      ],
      ["TensorFlow", info.backend],
      ["Firestore", info.firestore.reason],
    ],
  };
}

/**
 * One line of printable text, whatever the input: escape sequences are removed, other control characters are
 * blanks.
 */
export function printable(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/ *\p{Cc}+ */gu, " ")
    .trim();
}

/** At most `width` characters, an ellipsis for what is cut. */
export function clip(text: string, width: number): string {
  if (text.length <= width) return text;
  return width < 1 ? "" : `${text.slice(0, width - 1)}…`;
}

/** Facts with a dot between them, in as many lines of at most `width` characters as they need. */
export function factLines(facts: readonly string[], width: number): readonly string[] {
  const lines: string[] = [];
  for (const fact of facts) {
    const last = lines.at(-1);
    const joined = `${last} · ${fact}`;
    if (last !== undefined && joined.length <= width) lines[lines.length - 1] = joined;
    else lines.push(clip(fact, width));
  }
  return lines;
}
