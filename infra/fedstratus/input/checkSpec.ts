// What is wrong with a spec, and what is known of its model and clients: asked of the api, or of this release
// alone. And an estimate, where that is asked for.

import type { Problem } from "../../../shared/core/errors.ts";
import type { EstimateOptions } from "../estimate/estimateCommand.ts";
import type { Context } from "../frame/context.ts";
import type { ExitName } from "../frame/exitCodes.ts";
import { factLines } from "../output/factLines.ts";
import type { Output } from "../output/output.ts";
import { checkedSpec, Verdict } from "./verdict.ts";

/**
 * Prints what the api says; and where nothing is wrong, an estimate of the run.
 *
 * @param options of the estimate; null: none is asked for
 */
export async function checkSpec(
  spec: unknown,
  options: EstimateOptions | null,
  context: Context,
): Promise<ExitName | undefined> {
  const { out } = context;
  const { json, value } = await checkedSpec(spec, await context.api());
  if (options === null || value.problems.length > 0) {
    await out.document(json, () => verdictLines(value));
    return value.problems.length === 0 ? undefined : "input";
  }
  const { estimateChecked, linesAfterCheck } = await import("../estimate/estimateCommand.ts");
  const { estimate, problems } = await estimateChecked(spec, value, options, context);
  await out.document({ ...Object(json), problems, estimate }, () => [
    ...verdictLines({ ...value, problems: [...problems] }),
    ...(estimate === null ? [] : linesAfterCheck(estimate)),
  ]);
  return estimate === null ? "input" : undefined;
}

/** The same without the api: the spec's schema, and arithmetic on its model. */
export async function checkOffline(spec: unknown, out: Output): Promise<ExitName | undefined> {
  const [{ RunSpec }, { inPlainWords, plainProblems }, { foreseeModel }] = await Promise.all([
    import("../../../shared/core/schemas/spec.ts"),
    import("../../../shared/core/schemas/plainProblems.ts"),
    import("../../../shared/core/round/runCheck.ts"),
  ]);
  const read = RunSpec.safeParse(spec, inPlainWords);
  const foreseen = read.success ? foreseeModel(read.data, null) : null;
  const problems: readonly Problem[] = read.success ? (foreseen?.problems ?? []) : plainProblems(read.error);
  const model = foreseen?.model ?? null;
  const verdict = Verdict.parse({ problems, model });
  await out.document(verdict, () => verdictLines(verdict));
  return problems.length === 0 ? undefined : "input";
}

function verdictLines({ problems, warnings, later, model, memory, clients }: Verdict): readonly string[] {
  const list = (word: string, all: readonly Problem[]) =>
    all.map(({ path, message }) => `${word}: ${path === "" ? "" : `${path}: `}${message}`);
  const facts = factLines([
    [
      "model",
      model === null
        ? null
        : `${model.parameterCount} parameters, ${(model.sizeBytes / 2 ** 20).toFixed(2)} MiB${model.layers === null ? "" : `, ${model.layers} layers`}`,
    ],
    ...memory.map(
      (row) =>
        [
          `memory of ${row.function}`,
          `needs ${Math.ceil(row.neededMib)} MiB of ${row.availableMib ?? "?"}${row.ok === false ? ": too little" : ""}`,
        ] as const,
    ),
    [
      "clients",
      clients === null
        ? null
        : `${clients.matching} of ${clients.registered} registered, ${clients.checked} checked, ${clients.cannot} cannot train`,
    ],
  ]);
  return [
    ...list("warning", warnings),
    ...list("later", later),
    ...facts,
    ...list("problem", problems),
    problems.length === 0
      ? "A run can be created of it."
      : `${problems.length} of these have to be put right first.`,
  ];
}
