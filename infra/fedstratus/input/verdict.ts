// What the api says of a spec that is checked.
import * as z from "zod";
import type { Api, Read } from "../frame/api.ts";

const Problems = z.array(z.object({ path: z.string(), message: z.string() }));

/** What this program reads of the api's answer. */
export const Verdict = z.object({
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
        function: z.enum(["aggregator", "evaluator", "client"]),
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
});
export type Verdict = z.infer<typeof Verdict>;

/** What the api says of a spec. */
export function checkedSpec(spec: unknown, api: Api): Promise<Read<Verdict>> {
  return api.call({ method: "POST", path: "/v1/runs/check", body: spec }, Verdict);
}
