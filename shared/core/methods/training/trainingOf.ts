// Finds a training method's behaviour.
import { trainingBehaviours } from "../registry/training.ts";
import type { TrainingOptions } from "./options.ts";
import type { Assignment, TrainingHooks, TrainingMethod } from "./trainingMethod.ts";

type Methods = {
  readonly [Name in TrainingOptions["method"]]: TrainingMethod<Extract<TrainingOptions, { method: Name }>>;
};

const methods: Methods = trainingBehaviours;

/** The method that these options are of; it takes no others. */
export function trainingOf({ method }: TrainingOptions): TrainingMethod<TrainingOptions> {
  return methods[method] as TrainingMethod<TrainingOptions>;
}

/** What these options add to local training of what is assigned; of all parameters where nothing is. */
export function hooksOf(options: TrainingOptions, assignment: Assignment = {}): TrainingHooks {
  return trainingOf(options).hooks?.(options, assignment) ?? {};
}
