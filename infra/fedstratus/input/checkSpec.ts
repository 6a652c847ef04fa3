// What is wrong with a spec, and what is known of its model, clients and cost: asked of the api, or of this
// release alone.

import * as z from "zod";
import type { Problem } from "../../../shared/core/errors.ts";
import { usdText } from "../../cli/view/format.ts";
import type { Api } from "../frame/api.ts";
import type { ExitName } from "../frame/exitCodes.ts";
import { factLines } from "../output/factLines.ts";
import type { Output } from "../output/output.ts";

const Problems = z.array(z.object({ path: z.string(), message: z.string() }));
const Bound = z.object({ least: z.number().nullable(), most: z.number().nullable() });
const Bounds = z.object({ clientInvocations: Bound, clientSeconds: Bound, clientsUsd: Bound });

/** What this program reads of the api's answer. */
const Verdict = z.object({
  problems: Problems,
  warnings: Problems.default([]),
  later: Problems.default([]),
  model: z
    .object({ parameterCount: z.number(), sizeBytes: z.number(), layers: z.number().nullable() })
    .nullable()
    .default(null),
  memory: z
    .array(
      z.object({
        function: z.string(),
        neededMib: z.number(),
        availableMib: z.number().nullable(),
        ok: z.boolean().nullable(),
      }),
    )
    .default([]),
  clients: z
    .object({ registered: z.number(), matching: z.number(), checked: z.number(), cannot: z.number() })
    .nullable()
    .default(null),
  estimate: z
    .object({ round: Bounds, run: Bounds, prices: z.string(), unknown: z.array(z.string()) })
    .nullable()
    .default(null),
});
type Verdict = z.infer<typeof Verdict>;

/** Asks the api, and prints what it says. */
export async function checkSpec(spec: unknown, api: Api, out: Output): Promise<ExitName | undefined> {
  const { json, value } = await api.call({ method: "POST", path: "/v1/runs/check", body: spec }, Verdict);
  await out.document(json, () => verdictLines(value));
  return value.problems.length === 0 ? undefined : "input";
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

function verdictLines({
  problems,
  warnings,
  later,
  model,
  memory,
  clients,
  estimate,
}: Verdict): readonly string[] {
  const list = (word: string, all: readonly Problem[]) =>
    all.map(({ path, message }) => `${word}: ${path === "" ? "" : `${path}: `}${message}`);
  const bounds = (bound: z.infer<typeof Bound>, text: (value: number) => string) =>
    bound.least === null && bound.most === null
      ? "not known"
      : `${bound.least === null ? "?" : text(bound.least)} to ${bound.most === null ? "?" : text(bound.most)}`;
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
    [
      "clients' time",
      estimate === null ? null : `${bounds(estimate.run.clientSeconds, (value) => value.toFixed(0))} s`,
    ],
    [
      "clients' cost",
      estimate === null ? null : `${bounds(estimate.run.clientsUsd, usdText)} USD (${estimate.prices})`,
    ],
    ["not in it", estimate === null ? null : estimate.unknown.join("; ")],
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
