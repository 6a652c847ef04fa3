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
  const canBeNamed = naming(columns);
  const usable = columns.filter(
    ({ name, kind }) => canBeNamed(name) && kind !== "empty" && kind !== "other" && kind !== "text",
  );
  const whyLeftOut = (one: ColumnProfile) => (canBeNamed(one.name) ? whyNotUsed(one) : NOT_NAMED);
  const target = targetOf(usable, label);
  if (target === undefined) {
    const named = columns.find(({ name }) => name === label);
    const why =
      named === undefined
        ? "No column could be a target: name one by --label."
        : `The column ${quote(named)} is no target as it is: ${whyLeftOut(named)}. Name another by --label, or write the features file yourself: see docs/data.md.`;
    return { features: null, notes: [why] };
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
      // A row without a label teaches nothing.
      const other = missing === 0 ? {} : { other: role === "inputs" ? "class" : "drop" };
      return { column: name, type: "category", vocabulary, ...other };
    }
    default: {
      const [min, max] = range ?? [0, 0];
      const scale = withValues && role === "inputs" && min < max ? { scale: { min, max } } : {};
      const drop = missing > 0 ? { missing: "drop" } : {};
      return { column: name, type: "number", ...scale, ...drop };
    }
  }
}

/** Whether a features file can name a column: it takes a star for a pattern, and a name for one column. */
function naming(columns: readonly ColumnProfile[]): (name: string) => boolean {
  const byName = Map.groupBy(columns, ({ name }) => name);
  return (name) =>
    name !== "" && name.length <= 1_000 && !name.includes("*") && byName.get(name)?.length === 1;
}

const NOT_NAMED = "a features file cannot name it: give it a name of its own";

function whyNotUsed({ kind, isKey }: ColumnProfile): string {
  if (isKey) return "no value comes twice, as of a name or a number of rows";
  if (kind === "empty") return "all its values are missing";
  if (kind === "text") return 'its texts need a vocabulary: add it as "type": "text", see docs/data.md';
  return "it holds objects, or lists of several sizes";
}

function quote({ name }: ColumnProfile): string {
  return JSON.stringify(name);
}
