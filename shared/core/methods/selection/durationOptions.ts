// Options of the strategies that predict durations.
import * as z from "zod";

export const durationOptions = {
  timeSmoothing: z
    .number()
    .gt(0)
    .max(1)
    .default(0.5)
    .describe("Weight of the newest duration in a client's average; 1 is the newest alone."),
  idleSeconds: z
    .number()
    .min(0)
    .max(86_400)
    .default(300)
    .describe("A client that was last heard of this long ago starts cold."),
};
