// What REFL keeps from round to round: when rounds were opened, and how long they last.
import * as z from "zod";
import { RoundNumber } from "../../../schemas/ids.ts";

/** Rounds whose opening is remembered. */
const REMEMBERED = 200;

export const ReflState = z.strictObject({
  round: RoundNumber.describe("The last one."),
  openedAtMs: z
    .array(z.number())
    .min(1)
    .max(REMEMBERED)
    .describe("When the rounds up to that one were opened, the oldest first; ms since 1970."),
  roundMs: z
    .number()
    .min(0)
    .nullable()
    .describe("From one opening to the next, on average; null before the second."),
});
export type ReflState = z.infer<typeof ReflState>;

/** With this round, opened now. A state that is not of the round before begins anew, but for the average. */
export function remembered(
  state: ReflState | null | undefined,
  round: number,
  nowMs: number,
  smoothing: number,
): ReflState {
  const isNext = state?.round === round - 1;
  const before = isNext ? state.openedAtMs : [];
  const last = before.at(-1);
  const lastedMs = last === undefined ? null : Math.max(0, nowMs - last);
  const known = state?.roundMs ?? null;
  const roundMs =
    lastedMs === null ? known : known === null ? lastedMs : (1 - smoothing) * lastedMs + smoothing * known;
  return { round, openedAtMs: [...before, nowMs].slice(-REMEMBERED), roundMs };
}

/** When a round was opened; undefined where that is not remembered. */
export function openedAtMs({ round: last, openedAtMs }: ReflState, round: number): number | undefined {
  const index = openedAtMs.length - 1 - (last - round);
  return index < 0 ? undefined : openedAtMs[index];
}
