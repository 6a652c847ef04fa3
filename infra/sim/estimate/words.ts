// What an estimate says of itself in words: how much of what each item is, what it was made from, how wide
// its ranges are and why, what is not known, and what is not in it.
import { MAX_TEACHERS } from "../../../shared/core/methods/training/codistillation/face.ts";
import { learns } from "../../../shared/core/round/teachingGroup.ts";
import type { Estimate, EstimateItemName } from "../../../shared/core/schemas/estimate.ts";
import { type Beliefs, RUN_SD } from "./beliefs.ts";
import type { EstimateInput, Outcome } from "./outcome.ts";
import type { Believed } from "./pooling.ts";
import { rangeOf } from "./quantiles.ts";
import { FLOPS_PER_MS } from "./usualTimes.ts";

/** How much of what an item is: of the middle run. */
export function itemWords(
  item: EstimateItemName,
  outcomes: readonly Outcome[],
  { beliefs, leaving, isScored }: EstimateInput,
): string {
  const median = (of: (outcome: Outcome) => number) => Math.round(rangeOf(outcomes.map(of)).p50);
  switch (item) {
    case "clientTraining":
      return counted(
        median(({ tally }) => tally.calls),
        "call",
      );
    case "coldStarts":
      return counted(
        median(({ tally }) => tally.coldStarts),
        "cold start",
      );
    case "prewarm":
      return counted(
        median(({ tally }) => tally.woken),
        "call ahead",
        "calls ahead",
      );
    case "aggregation":
    case "coordinator":
    case "firestore":
    case "storage":
    case "tasks":
      return counted(
        median(({ rounds }) => rounds),
        "round",
      );
    case "evaluation":
      if (!isScored) return "no version is scored on a test set";
      return beliefs.own.evaluatorBilled === null
        ? "the size of the test set is not known"
        : counted(
            median(({ tally }) => tally.evaluations),
            "version",
          );
    case "preparation":
      return "the initial weights";
    case "egress": {
      const gib = rangeOf(outcomes.map(({ downBytes }) => downBytes)).p50 / 2 ** 30;
      const where =
        leaving.unknown > 0
          ? `the regions of ${counted(leaving.unknown, "client")} are not known`
          : leaving.far > 0
            ? `${counted(leaving.far, "client")} in other regions`
            : "no client is in another region";
      return `${gib.toPrecision(2)} GiB of models to clients; ${where}`;
    }
  }
}

export function madeFrom({ beliefs }: EstimateInput): Estimate["madeFrom"] {
  const { sources, own, start, coldBefore, coldAfter, warmUp, places } = beliefs;
  const evaluator = own.evaluatorBilled;
  return [
    ...trainingWords(beliefs),
    {
      what: "rest of a call",
      basis: sources.start,
      note: `${msText(middle(beliefs.clients.map(({ other }) => other)))} from claim to report, training aside; claimed ${msText(start.medianMs)} after it was sent`,
    },
    {
      what: "cold starts",
      basis: sources.cold,
      note: `${msText(coldBefore.medianMs + coldAfter.medianMs)}; then ${msText(warmUp.medianMs)} for what is done once`,
    },
    {
      what: "calls at once",
      basis: sources.places,
      note: places === null ? "as many as there are" : `${places}; others wait`,
    },
    {
      what: "own functions",
      basis: sources.own,
      note: `${msText(own.aggregate.medianMs)} to aggregate, ${msText(own.openDelay.medianMs)} to open a round`,
    },
    ...(evaluator === null
      ? []
      : [
          {
            what: "scoring",
            basis: sources.evaluator ?? "default",
            note: `${msText(evaluator.medianMs)} a version`,
          },
        ]),
  ];
}

function trainingWords({ clients }: Beliefs): Estimate["madeFrom"] {
  const groups = Map.groupBy(clients, ({ basis }) => basis);
  return [...groups].map(([basis, group]) => ({
    what: `training of ${counted(group.length, "client")}`,
    basis,
    note: `${msText(middle(group.map(({ train }) => train)))} a round${
      basis === "model"
        ? `, the weakest basis: arithmetic of the model at ${FLOPS_PER_MS / 1e6} GFLOP/s and vCPU; client checks for a run would tell`
        : ""
    }`,
  }));
}

export function uncertainty({ beliefs, seeds }: EstimateInput): readonly string[] {
  const bases = [...new Set([...beliefs.clients.map(({ basis }) => basis), beliefs.sources.own])];
  const factor = (sd: number) => Math.exp(1.2816 * sd).toFixed(1);
  return [
    `${seeds} simulated runs; each draws anew what is not known, and then every call and round`,
    `a whole run may be slower or faster than what it was told from by a factor of ${bases
      .map((basis) => `${factor(RUN_SD[basis])} (${basis})`)
      .join(", ")} in four of five`,
    `calls of one client vary by a factor of ${factor(beliefs.callSd)}, rounds by ${factor(beliefs.roundSd)}`,
  ];
}

export function unknowns({ spec, beliefs, leaving, isScored, prices }: EstimateInput): readonly string[] {
  const { targetAccuracy, targetLoss, target } = spec.stop;
  return [
    ...(isScored && beliefs.own.evaluatorBilled === null
      ? ["scoring of versions: say --test-samples, or --like with a run that was scored"]
      : []),
    ...(leaving.unknown > 0
      ? ["egress: the addresses of clients, or of the api, do not say their regions"]
      : leaving.far > 0 && prices.egress === undefined
        ? ["egress: the price table has no price of it"]
        : []),
    ...(learns(spec)
      ? [
          `how many other runs training.group will have: each call that learns is taken to download a version of 1 to ${MAX_TEACHERS} of them; how much longer its steps are is in no sum`,
        ]
      : []),
    ...([targetAccuracy, targetLoss, target].some((one) => one !== undefined)
      ? ["when a target is reached: all rounds are estimated, and it may end the run earlier"]
      : []),
  ];
}

export const NOT_INCLUDED: readonly string[] = [
  "stored bytes",
  "container images",
  "the scheduler",
  "looking on (watching a run, the API)",
  "taxes",
  "the free tier, which is not taken off",
];

function middle(times: readonly Believed[]): number {
  return times.length === 0 ? 0 : rangeOf(times.map(({ medianMs }) => medianMs)).p50;
}

function msText(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toPrecision(ms < 10_000 ? 2 : 3)} s`;
}

function counted(count: number, one: string, several = `${one}s`): string {
  return `${count} ${count === 1 ? one : several}`;
}
