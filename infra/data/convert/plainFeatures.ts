// What a model sees of a table of which only the label is named: all numbers as they are.
import type { DataFile } from "../../../shared/cloud/data/files.ts";
import { Features } from "../../../shared/core/data/features.ts";
import { FlError } from "../../../shared/core/errors.ts";
import { inspectTable } from "../inspect/inspectTable.ts";

/**
 * Nothing is learnt from the values but what columns hold: no scales, no vocabularies.
 *
 * @param classes as of `ConvertJob`
 * @throws FlError("invalid-argument") where there is no such column, its texts have no classes, or no column
 *   holds numbers
 */
export async function plainFeatures(
  files: readonly DataFile[],
  label: string,
  classes: readonly string[] | number | undefined,
  signal: AbortSignal,
): Promise<{ readonly features: Features; readonly notes: readonly string[] }> {
  const { columns } = await inspectTable(files, undefined, null, signal);
  const target = columns.find(({ name }) => name === label);
  const inputs = columns.filter(
    ({ name, kind, isKey }) => name !== label && !(isKey && kind !== "list") && INPUTS.has(kind),
  );
  const problems = [
    ...(target === undefined
      ? [{ path: "--label", message: `there is no column ${JSON.stringify(label)}` }]
      : []),
    ...(target !== undefined && !INPUTS.has(target.kind) && !Array.isArray(classes)
      ? [
          {
            path: "--classes",
            message: `names the values of ${JSON.stringify(label)}, which are texts: a,b,c`,
          },
        ]
      : []),
    ...(inputs.length === 0
      ? [{ path: "--features", message: "is needed: no other column holds numbers" }]
      : []),
  ];
  if (problems.length > 0) {
    const list = problems.map(({ path, message }) => `${path} ${message}`).join("; ");
    throw new FlError("invalid-argument", `The table cannot be converted so: ${list}.`, { problems });
  }
  const left = columns.filter((one) => one !== target && !inputs.includes(one));
  return {
    features: Features.parse({
      kind: "table",
      inputs: inputs.map(({ name, listSize }) =>
        listSize === null ? name : { column: name, type: "numbers", size: listSize },
      ),
      target: targetOf(label, classes),
    }),
    notes: left.map(
      ({ name, isKey }) =>
        `The column ${JSON.stringify(name)} is left out: ${isKey ? "no value comes twice" : "it holds no numbers"}. A features file can say otherwise.`,
    ),
  };
}

/** What is a number without a features file. */
const INPUTS: ReadonlySet<string> = new Set(["number", "flag", "list"]);

function targetOf(label: string, classes: readonly string[] | number | undefined): object {
  if (classes === undefined) return { column: label, type: "number" };
  if (typeof classes === "number") return { column: label, type: "number", classes };
  return { column: label, type: "category", vocabulary: classes };
}
