// What is said of a spec that is checked: apart from the checking, which few requests need.
import * as z from "zod";
import { Parameter } from "../../shared/core/schemas/model.ts";

export const RunCheck = z
  .strictObject({
    problems: z
      .array(z.strictObject({ path: z.string(), message: z.string() }))
      .describe("What a run of this spec is refused for; empty where it can be created."),
    warnings: z
      .array(z.strictObject({ path: z.string(), message: z.string() }))
      .describe("What would keep its rounds from opening as things are, and may change until then."),
    later: z
      .array(z.strictObject({ path: z.string(), message: z.string() }))
      .describe("What cannot be looked at here, and when it is."),
    model: z
      .strictObject({
        parameters: z.array(Parameter).describe("By layer, as arithmetic on the topology has them."),
        parameterCount: z.int(),
        sizeBytes: z.int(),
        layers: z.int().nullable(),
      })
      .nullable()
      .describe("Null where it has problems, or has to be built to be known."),
    memory: z.array(
      z.strictObject({
        function: z.enum(["aggregator", "evaluator", "client"]),
        neededMib: z.number().describe("For the model alone, at the least."),
        availableMib: z.number().nullable().describe("Of a client: of the largest that may be invited."),
        ok: z.boolean().nullable().describe("Null: not known."),
      }),
    ),
    clients: z
      .strictObject({
        registered: z.int(),
        matching: z.int().describe("With the labels and the code that the run asks for."),
        lookedAt: z.int().describe("Of those, whose sizes and checks the rest is made of."),
        checked: z.int().describe("Of those, whose last check says how long a training step takes."),
        cannot: z.int().describe("Of those, who say that they cannot train at all."),
      })
      .nullable()
      .describe("Null where the spec does not say which clients it is for."),
  })
  .meta({ id: "RunCheck" });
export type RunCheck = z.infer<typeof RunCheck>;

export interface FunctionMemories {
  readonly AGGREGATOR_MEMORY_MIB?: number | undefined;
  readonly EVALUATOR_MEMORY_MIB?: number | undefined;
}
