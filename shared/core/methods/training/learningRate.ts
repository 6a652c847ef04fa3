// The learning rate of a round: constant, or as a schedule has it. Within a round it never changes.
import type { LearningRateSchedule } from "./scheduleOptions.ts";

interface Scheduled {
  readonly learningRate: number;
  readonly schedule?: LearningRateSchedule | undefined;
}

/**
 * The learning rate of every step of a round. Decays are those of Keras (`ExponentialDecay` by stairs,
 * `CosineDecay`: Loshchilov, Hutter 2017) with rounds for steps; the warm-up is that of Goyal et al. 2017.
 *
 * @param round 1 is the first
 */
export function learningRateOf({ learningRate, schedule }: Scheduled, round: number): number {
  if (schedule === undefined) return learningRate;
  const { warmupRounds } = schedule;
  if (round <= warmupRounds) return (learningRate * round) / (warmupRounds + 1);
  const done = round - 1 - warmupRounds;
  switch (schedule.kind) {
    case "constant":
      return learningRate;
    case "step":
      return learningRate * schedule.factor ** Math.floor(done / schedule.everyRounds);
    case "cosine": {
      const { rounds, floor } = schedule;
      const cosine = (1 + Math.cos((Math.PI * Math.min(done, rounds)) / rounds)) / 2;
      return learningRate * ((1 - floor) * cosine + floor);
    }
  }
}
