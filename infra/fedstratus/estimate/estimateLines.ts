// An estimate for people: time and cost first, then item by item, and what it was made from.
import type { Estimate, EstimateItemName, EstimateRange } from "../../../shared/core/schemas/estimate.ts";
import { factLines } from "../output/factLines.ts";

const ITEM_TITLES: Readonly<Record<EstimateItemName, string>> = {
  clientTraining: "client training",
  coldStarts: "cold starts",
  prewarm: "prewarming",
  aggregation: "aggregation",
  evaluation: "evaluation",
  coordinator: "coordinator",
  preparation: "preparation",
  firestore: "Firestore",
  storage: "Cloud Storage",
  tasks: "Cloud Tasks",
  egress: "egress",
};

export function estimateLines(estimate: Estimate): readonly string[] {
  const { wallSeconds, usd, chargedUsd, completedRounds, rounds, budget, stalled, items, memory } = estimate;
  const { clients, madeFrom, uncertainty, unknown, notIncluded, prices } = estimate;
  return [
    ...factLines([
      ["wall time", `${inWords(wallSeconds, durationText)}`],
      ["cost", `${inWords(usd, usdText)} USD${unknown.length > 0 ? ", what is not known aside" : ""}`],
      ["of that charged to the run", `${inWords(chargedUsd, usdText)} USD`],
      [
        "rounds",
        completedRounds.p10 === rounds
          ? String(rounds)
          : `${inWords(completedRounds, (one) => one.toFixed(0))} of ${rounds}`,
      ],
      ["in time", estimate.eur === null ? null : inWords(estimate.eur, (one) => one.toFixed(2))],
      [
        "budget",
        budget === null
          ? null
          : `${percent(budget.chance)} that ${budget.usd} USD end it before round ${rounds}`,
      ],
      ["stalled", stalled === 0 ? null : `${percent(stalled)} that it stands still before its end`],
      [
        "clients",
        `${clients.total}: ${Object.entries(clients.basis)
          .map(([basis, count]) => `${count} by ${basis}`)
          .join(", ")}`,
      ],
    ]),
    "",
    ...factLines(
      items.map(({ item, usd: range, amount }) => [
        ITEM_TITLES[item],
        `${range === null ? "not known" : `${inWords(range, usdText)} USD`} · ${amount}`,
      ]),
    ),
    "",
    ...factLines([
      ...memory.map(
        (row) =>
          [
            `memory of ${row.function}`,
            `needs ${Math.ceil(row.neededMib)} MiB of ${row.availableMib ?? "?"}${row.ok === false ? ": too little" : ""}`,
          ] as const,
      ),
      ...madeFrom.map(({ what, basis, note }) => [what, `${note} (${basis})`] as const),
      ["uncertainty", uncertainty.join("; ")],
      ["not known", unknown.join("; ")],
      ["not in it", notIncluded.join(", ")],
      ["prices", `${prices.name}, of ${prices.asOf}`],
    ]),
  ];
}

/** "12 s (9 s to 15 s)": the middle, and four of five. */
function inWords({ p10, p50, p90 }: EstimateRange, text: (value: number) => string): string {
  const [low, middle, high] = [text(p10), text(p50), text(p90)];
  return low === high ? middle : `${middle} (${low} to ${high})`;
}

function durationText(seconds: number): string {
  if (seconds < 120) return `${seconds.toPrecision(seconds < 10 ? 2 : 3)} s`;
  const minutes = seconds / 60;
  return minutes < 120 ? `${minutes.toFixed(1)} min` : `${(minutes / 60).toFixed(1)} h`;
}

/** Two digits that count, to a thousandth of a cent. */
function usdText(usd: number): string {
  return usd === 0 ? "0" : usd >= 0.01 ? String(Number(usd.toPrecision(3))) : usd.toFixed(5);
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
