// The optimizer of local training as a spec names it.
import * as z from "zod";
import { LearningRateSchedule } from "./scheduleOptions.ts";

const learningRate = z.number().positive().max(100).describe("How far a step moves the weights.");
const decay = (of: string) => z.number().min(0).lt(1).describe(`Decay of the average of ${of}.`);
const epsilon = z
  .number()
  .positive()
  .max(1)
  .default(1e-7)
  .describe("Added to what a step is divided by, so that it is never zero.");

/** Of every optimizer. */
const shared = {
  schedule: LearningRateSchedule.optional(),
  globalClipNorm: z
    .number()
    .positive()
    .max(1e30)
    .optional()
    .describe(
      "The gradients of a step, taken as one vector, are shortened to this length where they are longer.",
    ),
};

const weightDecay = z
  .number()
  .min(0)
  .max(1)
  .describe("Before each step every weight loses this share of itself, times the learning rate.");

export const OptimizerSpec = z
  .discriminatedUnion("name", [
    z.strictObject({
      name: z.literal("sgd"),
      learningRate: learningRate.default(0.01),
      ...shared,
      weightDecay: weightDecay.optional(),
    }),
    z.strictObject({
      name: z.literal("momentum"),
      learningRate: learningRate.default(0.01),
      momentum: z
        .number()
        .min(0)
        .lt(1)
        .default(0.9)
        .describe("How much of the previous step is added to the next one."),
      ...shared,
      weightDecay: weightDecay.optional(),
    }),
    z.strictObject({
      name: z.literal("adam"),
      learningRate: learningRate.default(0.001),
      beta1: decay("gradients").default(0.9),
      beta2: decay("squared gradients").default(0.999),
      ...shared,
      weightDecay: weightDecay.optional(),
    }),
    z.strictObject({
      name: z.literal("adamw"),
      learningRate: learningRate.default(0.001),
      beta1: decay("gradients").default(0.9),
      beta2: decay("squared gradients").default(0.999),
      ...shared,
      weightDecay: weightDecay.default(0.004),
    }),
    z.strictObject({
      name: z.literal("rmsprop"),
      learningRate: learningRate.default(0.001),
      rho: decay("squared gradients").default(0.9),
      epsilon,
      ...shared,
      weightDecay: weightDecay.optional(),
    }),
    z.strictObject({
      name: z.literal("adagrad"),
      learningRate: learningRate.default(0.001),
      initialAccumulator: z
        .number()
        .min(0)
        .max(1e6)
        .default(0.1)
        .describe("What the sum of squared gradients begins with."),
      epsilon,
      ...shared,
      weightDecay: weightDecay.optional(),
    }),
  ])
  .describe("The optimizer of local training. It starts anew with every invocation.")
  .meta({ id: "OptimizerSpec" });
export type OptimizerSpec = z.infer<typeof OptimizerSpec>;

/** An optimizer in the ways that people write one: by its name alone, and in any case, as `AdamW`. */
export function writtenOptimizer(written: unknown): unknown {
  if (typeof written === "string") return { name: written.toLowerCase() };
  if (typeof written !== "object" || written === null || !("name" in written)) return written;
  return typeof written.name === "string" ? { ...written, name: written.name.toLowerCase() } : written;
}
