// What people write beside a run, to find it again: labels and notes.
import * as z from "zod";
import { LabelName, Labels, LabelValue, MAX_LABELS } from "./client.ts";

/** Characters that a terminal acts on, and marks that turn the order of a text around. */
const HIDDEN = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

const NO_HIDDEN = "leave control characters out";

/** A text of several lines as people may give one. */
export function givenText(maxLength: number) {
  return z
    .string()
    .max(maxLength)
    .refine((text) => !HIDDEN.test(text.replace(/[\n\t]/g, " ")), `${NO_HIDDEN}, but for new lines and tabs`);
}

export const MAX_NOTES = 10_000;

/** A label's value as people may give one. */
const GivenLabelValue = LabelValue.refine((value) => !HIDDEN.test(value), NO_HIDDEN);

/** Labels as people may give them. */
export const GivenLabels = z
  .record(LabelName, GivenLabelValue)
  .refine((labels) => Object.keys(labels).length <= MAX_LABELS, `at most ${MAX_LABELS} labels`)
  .default({});

/** Changes of labels: null takes one away. */
export const LabelChanges = z
  .record(LabelName, GivenLabelValue.nullable())
  .describe("By name; null takes a label away. The others stay.");

export const RunAnnotation = z.strictObject({
  labels: Labels.default({}).describe("By name, given by people to find the run again."),
  notes: z.string().max(MAX_NOTES).default("").describe("What people say of the run."),
});

/** A change of what is written beside a run. */
export const RunChange = z
  .strictObject({
    labels: LabelChanges.optional(),
    notes: givenText(MAX_NOTES).nullable().optional().describe("Null takes them away."),
  })
  .meta({ id: "RunChange" });
export type RunChange = z.infer<typeof RunChange>;
