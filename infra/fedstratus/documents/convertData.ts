// A conversion for people: the files, and what was left out.
import { type ConvertJob, runConvert } from "../../data/convert/runConvert.ts";
import type { Context } from "../frame/context.ts";
import type { ExitName } from "../frame/exitCodes.ts";
import { UsageError } from "../frame/failures.ts";
import { whileUninterrupted } from "../frame/whileUninterrupted.ts";

type Given = Omit<ConvertJob, "classes"> & { readonly classes: string | undefined };

export async function convertData(
  { classes, ...given }: Given,
  { io, out }: Context,
): Promise<ExitName | undefined> {
  const job = { ...given, classes: classesOf(classes) };
  const ended = await whileUninterrupted(io, (signal) => runConvert(job, io.cwd, signal));
  if (typeof ended === "string") return ended;
  for (const note of ended.notes) out.warn(note);
  await out.table({
    columns: [
      { key: "file", title: "file", rank: 0, text: ({ file }) => file },
      { key: "rows", title: "rows", align: "right", rank: 0, text: ({ rows }) => String(rows) },
    ],
    rows: ended.items,
    itemOf: (row) => row,
    json: ended,
    empty: "",
  });
  const left = [
    ...ended.refused.map(({ rows, reason }) => `${rows} ${reason}`),
    ...(ended.dropped === 0 ? [] : [`${ended.dropped} dropped as the features file says`]),
  ];
  out.say(
    `${ended.rows} rows read, ${ended.written} written${left.length === 0 ? "" : `; left out: ${left.join(", ")}`}`,
  );
  return undefined;
}

/** A number alone is how many class numbers there are. @throws UsageError for a value that comes twice */
function classesOf(text: string | undefined): readonly string[] | number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  const names = text.split(",").map((name) => name.trim());
  if (new Set(names).size === names.length && names.every((name) => name !== "")) return names;
  throw new UsageError(
    "--classes takes the label's different values with commas between, or how many there are.",
  );
}
