// `training` in a run's spec: one member for each method, with its own options. Unknown keys are errors.
import * as z from "zod";
import { trainingOptions } from "../registry/trainingFaces.ts";

export const TrainingOptions = z.discriminatedUnion("method", trainingOptions).meta({ id: "TrainingSpec" });
export type TrainingOptions = z.infer<typeof TrainingOptions>;
