// What `estimate`, and `check --estimate` do: ask the api what is wrong with the spec, and if nothing is,
// estimate a run of it.
import type { Problem } from "../../../shared/core/errors.ts";
import type { Estimate } from "../../../shared/core/schemas/estimate.ts";
import type { Context } from "../frame/context.ts";
import type { ExitName } from "../frame/exitCodes.ts";
import { UsageError } from "../frame/failures.ts";
import { pathOf } from "../input/specFile.ts";
import { checkedSpec } from "../input/verdict.ts";
import { estimateLines } from "./estimateLines.ts";
import { type Estimated, estimateSpec } from "./estimateSpec.ts";
import { priceTableOf } from "./priceTable.ts";

export interface EstimateOptions {
  readonly clients: number | undefined;
  readonly like: string | undefined;
  readonly seeds: number;
  readonly prices: string | undefined;
  readonly testSamples: number | undefined;
  readonly parallel: number | undefined;
}

/** The document, or the problems that stand in its way, as the result. */
export async function estimateCommand(
  spec: unknown,
  options: EstimateOptions & { readonly offline: boolean },
  context: Context,
): Promise<ExitName | undefined> {
  const { estimate, problems } = options.offline
    ? await estimateOffline(spec, options, context)
    : await estimateThere(spec, options, context);
  if (estimate === null) {
    await context.out.document({ problems }, () => problemLines(problems));
    return "input";
  }
  await context.out.document(estimate, () => estimateLines(estimate));
  return undefined;
}

async function estimateOffline(spec: unknown, options: EstimateOptions, { io }: Context): Promise<Estimated> {
  if (options.clients === undefined)
    throw new UsageError("Without the api, say how many clients there are: --clients.");
  if (options.like !== undefined) throw new UsageError("--like asks the api: leave it out, or --offline.");
  const prices = await priceTableOf(options.prices ?? DEFAULT_PRICES, (file) => pathOf(file, io));
  return estimateSpec(spec, { ...options, prices }, null, null);
}

const DEFAULT_PRICES = "cloud-run-2026";

async function estimateThere(spec: unknown, options: EstimateOptions, context: Context): Promise<Estimated> {
  const api = await context.api();
  const { value } = await checkedSpec(spec, api);
  if (value.problems.length > 0) return { estimate: null, problems: value.problems };
  return estimateChecked(spec, value, options, context);
}

/** Of a spec that the api has found nothing wrong with. */
export async function estimateChecked(
  spec: unknown,
  { memory, model }: Pick<Awaited<ReturnType<typeof checkedSpec>>["value"], "memory" | "model">,
  options: EstimateOptions,
  context: Context,
): Promise<Estimated> {
  const api = await context.api();
  const prices = await priceTableOf(options.prices ?? DEFAULT_PRICES, (file) => pathOf(file, context.io));
  const like = options.like === undefined ? undefined : await api.runId(options.like);
  const known = { memory, parameterCount: model?.parameterCount ?? null };
  return estimateSpec(spec, { ...options, like, prices }, api, known);
}

function problemLines(problems: readonly Problem[]): readonly string[] {
  return [
    ...problems.map(({ path, message }) => `problem: ${path === "" ? "" : `${path}: `}${message}`),
    `${problems.length} of these have to be put right first.`,
  ];
}

/** With `check`: the estimate's lines behind those of the check. */
export function linesAfterCheck(estimate: Estimate): readonly string[] {
  return ["", ...estimateLines(estimate)];
}
