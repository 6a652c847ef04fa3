// Small drawings in a line of text: who of a cohort has answered, and how high an accuracy is.
import type { Palette } from "./palette.ts";
import type { RoundSnapshot } from "./roundSnapshot.ts";

/** Symbols of a cohort's bar, at most; a larger cohort is drawn in proportion. */
const MAX_SYMBOLS = 16;
const ACCURACY_CELLS = 10;

type ClientState = "reported" | "training" | "queued" | "failed" | "missed";

const SYMBOLS: Readonly<Record<ClientState, string>> = {
  reported: "●",
  training: "◐",
  queued: "○",
  failed: "✗",
  missed: "◌",
};

const PAINTS: Readonly<Record<ClientState, keyof Palette>> = {
  reported: "good",
  training: "active",
  queued: "faint",
  failed: "bad",
  missed: "warn",
};

/** "●●●◐○○✗": a symbol a client, those that reported first. */
export function cohortBar(snapshot: RoundSnapshot, palette: Palette): string {
  const { invoked } = snapshot;
  const length = Math.min(invoked, MAX_SYMBOLS);
  const ends = stateEnds(snapshot);
  const symbols = Array.from({ length }, (_, i) => {
    const client = Math.floor(((i + 0.5) * invoked) / length);
    const state = ends.find(([, end]) => client < end)?.[0] ?? "queued";
    return palette[PAINTS[state]](SYMBOLS[state]);
  });
  return symbols.join("");
}

/** What the symbols of the bar mean. */
export function cohortLegend(palette: Palette): string {
  const states: readonly ClientState[] = ["reported", "training", "queued", "failed", "missed"];
  return states
    .map((state) => `${palette[PAINTS[state]](SYMBOLS[state])} ${palette.faint(state)}`)
    .join("  ");
}

/** A bar of up to ten cells in steps of an eighth of a cell; empty where nothing is known. */
export function accuracyBar(accuracy: number | null, palette: Palette): string {
  if (accuracy === null) return "";
  const eighths = Math.round(Math.min(1, Math.max(0, accuracy)) * ACCURACY_CELLS * 8);
  const rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8] ?? "";
  return palette.good("█".repeat(Math.floor(eighths / 8)) + rest);
}

/** The states in the order they are drawn, each with the number of clients up to its end. */
function stateEnds(snapshot: RoundSnapshot): readonly (readonly [ClientState, number])[] {
  const { invoked, reported, training, failed, missed } = snapshot;
  const queued = Math.max(0, invoked - reported - training - failed - missed);
  const counts: readonly (readonly [ClientState, number])[] = [
    ["reported", reported],
    ["training", training],
    ["queued", queued],
    ["failed", failed],
    ["missed", missed],
  ];
  let end = 0;
  return counts.map(([state, count]) => {
    end += count;
    return [state, end] as const;
  });
}
