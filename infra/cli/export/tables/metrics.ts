// The metrics of rounds and invocations by name. Which there are differs from run to run.
import type { FederatedMetric } from "../../../../shared/core/schemas/clientScore.ts";
import type { Invocation } from "../../../../shared/core/schemas/invocation.ts";
import { metricIn } from "../../../../shared/core/schemas/metric.ts";
import type { Round } from "../../../../shared/core/schemas/round.ts";
import type { Column } from "./columns.ts";

/** The scores of a round's version by the names of their metrics. */
export function metricsOf({ accuracy, loss, metrics = {} }: Round): Readonly<Record<string, number>> {
  const own = Object.entries({ accuracy, loss }).flatMap(([name, value]) =>
    value === null ? [] : [[name, value] as const],
  );
  return Object.fromEntries([...own, ...Object.entries(metrics)]);
}

/** What the clients say of the version that the round began from, by metric. */
export function federatedOf({
  federated,
}: Round): readonly (readonly [name: string, score: FederatedMetric])[] {
  return Object.entries(federated?.metrics ?? {});
}

/** The names of all metrics of a run's rounds. */
export class MetricNames {
  readonly #central = new Set<string>();
  readonly #federated = new Set<string>();

  add(round: Round): void {
    for (const name of Object.keys(metricsOf(round))) this.#central.add(name);
    for (const [name] of federatedOf(round)) this.#federated.add(name);
  }

  /** Those that have no column of their own, in the order of the alphabet. */
  get central(): readonly string[] {
    return [...this.#central].filter((name) => name !== "accuracy" && name !== "loss").toSorted();
  }

  get federated(): readonly string[] {
    return [...this.#federated].toSorted();
  }
}

/** One column for each metric, and three for each that the clients measured. */
export function roundMetricColumns({ central, federated }: MetricNames): readonly Column<Round>[] {
  const score = (round: Round, name: string) => federatedOf(round).find(([one]) => one === name)?.[1];
  const column = (name: string, meaning: string, value: Column<Round>["value"]): Column<Round> => ({
    name,
    type: "number",
    meaning,
    value,
  });
  return [
    ...central.map((name) =>
      column(`metric_${name}`, "Of its version.", (round) => metricIn(metricsOf(round), name)),
    ),
    ...federated.flatMap((name) => [
      column(
        `federated_${name}_mean`,
        "Of its base version, over its clients' validation shares.",
        (round) => score(round, name)?.mean ?? null,
      ),
      column(
        `federated_${name}_worstDecile`,
        "The same of the worst tenth of its clients.",
        (round) => score(round, name)?.worstDecile ?? null,
      ),
      column(
        `federated_${name}_spread`,
        "The standard deviation between its clients.",
        (round) => score(round, name)?.spread ?? null,
      ),
    ]),
  ];
}

/** One column for each metric that clients measure. */
export function invocationMetricColumns({ federated }: MetricNames): readonly Column<Invocation>[] {
  return federated.map((name) => ({
    name: `metric_${name}`,
    type: "number",
    meaning: "Of its base version, on its client's validation share.",
    value: ({ evaluation }) => metricIn(evaluation?.metrics ?? {}, name),
  }));
}
