// A first features file for a table: which columns could be inputs and which the target. Pure.
import type { ColumnProfile } from "./columnProfile.ts";

export interface SuggestOptions {
  /** The target, where it is known. */
  readonly label: string | undefined;
  /** Whether values of the data may be in it: vocabularies and scales. */
  readonly withValues: boolean;
}

export interface Suggestion {
  /** Null where there is no target. */
  readonly features: object | null;
  /** What a person has to look at, a sentence each. */
  readonly notes: readonly string[];
}

/** What a column of labels is often called. */
const LABEL_NAMES = /^(label|labels|target|class|outcome|y|diagnosis|result)$/i;

export function suggestFeatures(
  columns: readonly ColumnProfile[],
  { label, withValues }: SuggestOptions,
): Suggestion {
  const usable = columns.filter(
    ({ name, kind }) => canBeNamed(name) && kind !== "empty" && kind !== "other" && kind !== "text",
  );
  const target = targetOf(usable, label);
  if (target === undefined) {
    return { features: null, notes: ["No column could be a target: name one by --label."] };
  }
  const inputs = usable.filter((one) => one !== target && !one.isKey);
  const left = columns.filter((one) => one !== target && !inputs.includes(one));
  const notes = [
    ...(label === undefined ? [`The target ${quote(target)} is a guess: name another by --label.`] : []),
    ...left.map((one) => `The column ${quote(one)} is left out: ${whyLeftOut(one)}.`),
    ...(inputs.length === 0 ? ["No column could be an input."] : []),
  ];
  if (inputs.length === 0) return { features: null, notes };
  return {
    features: {
      kind: "table",
      inputs: inputs.map((one) => columnOf(one, withValues, "inputs")),
      target: columnOf(target, withValues, "target"),
    },
    notes,
  };
}

function targetOf(usable: readonly ColumnProfile[], label: string | undefined): ColumnProfile | undefined {
  if (label !== undefined) return usable.find(({ name }) => name === label);
  const possible = usable.filter(({ isKey, kind }) => !isKey && kind !== "list");
  return possible.find(({ name }) => LABEL_NAMES.test(name)) ?? possible.at(-1);
}

function columnOf(
  { name, kind, missing, distinct, listSize, range, values }: ColumnProfile,
  withValues: boolean,
  role: "inputs" | "target",
): object {
  switch (kind) {
    case "list":
      return { column: name, type: "numbers", size: listSize };
    case "category": {
      const vocabulary = withValues
        ? (values ?? []).map(({ value }) => value)
        : [`<${distinct} values: shown by --show-values, written by --out>`];
      const isMissing = missing > 0 && role === "inputs";
      return { column: name, type: "category", vocabulary, ...(isMissing ? { other: "class" } : {}) };
    }
    default: {
      const [min, max] = range ?? [0, 0];
      const scale = withValues && role === "inputs" && min < max ? { scale: { min, max } } : {};
      const drop = missing > 0 ? { missing: "drop" } : {};
      return { column: name, type: "number", ...scale, ...drop };
    }
  }
}

/** A features file takes a star for a pattern. */
function canBeNamed(name: string): boolean {
  return name !== "" && name.length <= 1_000 && !name.includes("*");
}

function whyLeftOut({ name, kind, isKey }: ColumnProfile): string {
  if (!canBeNamed(name)) return "a features file cannot name it: give it another name";
  if (isKey) return "no value comes twice, as of a name or a number of rows";
  if (kind === "empty") return "all its values are missing";
  if (kind === "text") return 'its texts need a vocabulary: add it as "type": "text", see docs/data.md';
  return "it holds objects, or lists of several sizes";
}

function quote({ name }: ColumnProfile): string {
  return JSON.stringify(name);
}
