// The columns of exported rounds and invocations: the one table that every format and its documentation is
// made from.
import type { Invocation } from "../../../../shared/core/schemas/invocation.ts";
import type { Round } from "../../../../shared/core/schemas/round.ts";

/**
 * text · whole: an integer · number: a 64-bit float · flag: true or false · instant: a moment, in
 * milliseconds since 1970.
 */
export type ColumnType = "text" | "whole" | "number" | "flag" | "instant";

/** Null where nothing is known. */
export type Cell = string | number | boolean | null;

export interface ColumnShape {
  /** As the API names it; durations, sizes and money have their unit in it. */
  readonly name: string;
  readonly type: ColumnType;
}

/** A table that is written row by row. */
export interface TableFile {
  /** @param cells in the order of the columns */
  add(cells: readonly Cell[]): Promise<void>;
  /** Writes what is left, and the file's end. */
  finish(): Promise<void>;
}

export interface Column<Row> extends ColumnShape {
  /** One sentence. */
  readonly meaning: string;
  readonly value: (row: Row) => Cell;
}

const text = <Row>(name: string, meaning: string, value: Column<Row>["value"]): Column<Row> => ({
  name,
  type: "text",
  meaning,
  value,
});
const of =
  (type: ColumnType) =>
  <Row>(name: string, meaning: string, value: Column<Row>["value"]): Column<Row> => ({
    name,
    type,
    meaning,
    value,
  });
const [whole, number, flag, instant] = [of("whole"), of("number"), of("flag"), of("instant")];

export const ROUND_COLUMNS: readonly Column<Round>[] = [
  text("runId", "The run.", ({ runId }) => runId),
  whole("round", "Its number, 1 for the first.", ({ round }) => round),
  text("status", "closed, degraded, cancelled, or what an open one is at.", ({ status }) => status),
  text("closeReason", "Why it closed.", ({ closeReason }) => closeReason),
  text("degradedReason", "Why it made no version.", ({ degradedReason }) => degradedReason ?? null),
  text("strategy", "What selected the cohort.", ({ strategy }) => strategy),
  whole("baseVersion", "The model version that its clients started from.", ({ baseVersion }) => baseVersion),
  whole("newVersion", "The version it made; none where it made none.", ({ newVersion }) => newVersion),
  whole(
    "consideredCount",
    "Clients that the selection considered.",
    ({ consideredCount }) => consideredCount,
  ),
  whole("wanted", "Updates that it was for.", ({ wanted }) => wanted),
  whole("invoked", "Clients invited.", ({ counts }) => counts.invoked),
  whole("inTime", "Updates received in time.", ({ counts }) => counts.inTime),
  whole("late", "Late updates of earlier rounds that joined.", ({ counts }) => counts.late),
  whole("failed", "Clients that reported a failure.", ({ counts }) => counts.failed),
  whole("rejected", "Updates that were rejected.", ({ counts }) => counts.rejected),
  whole("missed", "Clients without a report by the close.", ({ counts }) => counts.missed),
  whole("coldStarts", "Clients whose function started cold.", ({ counts }) => counts.coldStarts),
  whole("consumed", "Updates that its version was made of.", ({ consumed }) => consumed.length),
  whole("consumedSamples", "Samples that those counted for.", ({ consumed }) =>
    consumed.reduce((sum, { samples }) => sum + samples, 0),
  ),
  whole("dropped", "Updates rejected or expired in it.", ({ dropped }) => dropped.length),
  number("eur", "Updates received in time / clients invoked.", ({ eur }) => eur),
  number("accuracy", "Of its version, 0 to 1; none for a regression.", ({ accuracy }) => accuracy),
  number("loss", "Of its version.", ({ loss }) => loss),
  text("unscoredReason", "Why its version has no score.", ({ unscoredReason }) => unscoredReason),
  text("scoringBackend", "What scored its version.", ({ scoringBackend }) => scoringBackend ?? null),
  number("costUsd", "What it cost; none while it is open.", ({ costUsd }) => costUsd),
  number("clientsUsd", "Of that, for its clients.", ({ costs }) => costs.clientsUsd),
  number("coordinatorUsd", "Of that, for opening it.", ({ costs }) => costs.coordinatorUsd),
  number("aggregatorUsd", "Of that, for the aggregation.", ({ costs }) => costs.aggregatorUsd),
  number("evaluatorUsd", "Of that, for scoring.", ({ costs }) => costs.evaluatorUsd),
  number("prewarmUsd", "Of that, for calls ahead of the next round.", ({ costs }) => costs.prewarmUsd),
  number("afterwardsUsd", "Of that, for calls that went on after it.", ({ costs }) => costs.afterwardsUsd),
  number(
    "trainingMs",
    "From its opening until no more updates were awaited.",
    ({ timings }) => timings.trainingMs,
  ),
  number("aggregateMs", "The aggregation.", ({ timings }) => timings.aggregateMs),
  number("evaluateMs", "The scoring.", ({ timings }) => timings.evaluateMs),
  number("wallMs", "From its opening to its close.", ({ timings }) => timings.wallMs),
  flag("extended", "Whether its deadline was extended.", ({ extended }) => extended),
  instant("openedAt", "When it opened.", ({ openedAt }) => openedAt),
  instant("deadlineAt", "Its deadline.", ({ deadlineAt }) => deadlineAt),
  instant("aggregatingAt", "When the aggregation began.", ({ aggregatingAt }) => aggregatingAt),
  instant("closedAt", "When it closed.", ({ closedAt }) => closedAt),
];

const INVOCATION_TIMES: readonly (readonly [keyof NonNullable<Invocation["timings"]>, string])[] = [
  ["queueWaitMs", "Due until its request reached an instance."],
  ["coldStartMs", "Starting the process and loading TensorFlow; 0 when it was warm."],
  ["claimMs", "Its claim."],
  ["downloadMs", "Reading the model."],
  ["dataMs", "Reading its data."],
  ["evaluateMs", "Scoring its base version."],
  ["trainMs", "Training."],
  ["uploadMs", "Writing its update."],
  ["reportMs", "Sending its report."],
];

export const INVOCATION_COLUMNS: readonly Column<Invocation>[] = [
  text("runId", "The run.", ({ runId }) => runId),
  whole("round", "The round it was invoked in.", ({ round }) => round),
  text("clientId", "The client.", ({ clientId }) => clientId),
  text("status", "What became of it: see [operate](operate.md#look-into-a-run).", ({ status }) => status),
  text("tier", "The group that the selection saw the client in.", ({ tier }) => tier),
  text("reason", "Why it was selected.", ({ reason }) => reason),
  whole("baseVersion", "The model version it started from.", ({ baseVersion }) => baseVersion),
  whole("attempt", "Claims it made.", ({ attempt }) => attempt),
  flag("coldStart", "Whether its function started cold.", ({ coldStart }) => coldStart),
  whole(
    "staleness",
    "Rounds between its base version and the step its update was part of.",
    ({ staleness }) => staleness,
  ),
  number("weight", "Its update's share of that step.", ({ weight }) => weight),
  whole(
    "consumedInRound",
    "The round whose version its update is part of.",
    ({ consumedInRound }) => consumedInRound,
  ),
  whole("samples", "Samples it trained on.", ({ training }) => training?.samples ?? null),
  whole("steps", "Steps of its optimizer.", ({ training }) => training?.steps ?? null),
  flag("partial", "Whether it stopped at the deadline.", ({ training }) => training?.partial ?? null),
  number("lossBefore", "Its loss before training.", ({ training }) => training?.lossBefore ?? null),
  number("lossAfter", "Its loss after training.", ({ training }) => training?.lossAfter ?? null),
  text("backend", "What trained, such as tfjs-node 2.21.0.", ({ training }) => training?.backend ?? null),
  whole("rows", "Rows of its data that were read.", ({ data }) => data?.rows ?? null),
  whole("rowsRefused", "Of those, rows that could not be used.", ({ data }) =>
    data === undefined ? null : data.refused.reduce((sum, { rows }) => sum + rows, 0),
  ),
  whole("rowsDropped", "Of those, rows that its owner leaves out.", ({ data }) => data?.dropped ?? null),
  ...INVOCATION_TIMES.map(([name, meaning]) =>
    number<Invocation>(name, meaning, ({ timings }) => timings?.[name] ?? null),
  ),
  whole("bytesDown", "Bytes it read.", ({ bytesDown }) => bytesDown),
  whole("bytesUp", "Bytes it wrote.", ({ bytesUp }) => bytesUp),
  number("peakRssMib", "The most memory its process had.", ({ peakRssMib }) => peakRssMib),
  number("memoryMib", "The memory of its function.", ({ capacity }) => capacity.memoryMib),
  number("vcpu", "The vCPUs of its function.", ({ capacity }) => capacity.vcpu),
  number("costUsd", "What all of its attempts cost.", ({ costUsd }) => costUsd),
  flag(
    "costEstimated",
    "Whether that is an upper bound, as nothing was reported.",
    ({ costEstimated }) => costEstimated,
  ),
  text("failureCode", "What it failed with.", ({ failure }) => failure?.code ?? null),
  text("failureMessage", "The same in words.", ({ failure }) => failure?.message ?? null),
  instant("invokedAt", "When it was invoked.", ({ invokedAt }) => invokedAt),
  instant("claimedAt", "When it claimed.", ({ claimedAt }) => claimedAt),
  instant("reportedAt", "When its report came.", ({ reportedAt }) => reportedAt),
  instant("endedAt", "When its call was seen to be over without a report.", ({ endedAt }) => endedAt),
];
