// A split for people: who has how many rows, and of which labels.
import { join } from "node:path";
import { runSplit, type SplitReport } from "../../data/split/runSplit.ts";
import type { SplitKind } from "../../data/split/splits.ts";
import type { Context } from "../frame/context.ts";
import type { ExitName } from "../frame/exitCodes.ts";
import { UsageError } from "../frame/failures.ts";
import { whileUninterrupted } from "../frame/whileUninterrupted.ts";
import type { Column } from "../output/output.ts";

export interface SplitGiven {
  readonly out: string;
  readonly by: SplitKind;
  readonly column: string | undefined;
  readonly clients: number | undefined;
  readonly label: string | undefined;
  readonly features: string | undefined;
  readonly alpha: number;
  readonly balance: boolean;
  readonly shardsPerClient: number;
  readonly classesPerClient: number;
  readonly sizes: string | undefined;
  readonly min: number;
  readonly seed: number;
  readonly force: boolean;
}

/** Labels beyond as many are in the document only. */
const MOST_COLUMNS = 20;

export async function splitData(
  path: string,
  { balance, min, sizes, ...given }: SplitGiven,
  { io, out }: Context,
): Promise<ExitName | undefined> {
  const job = { ...given, path, isBalanced: balance, minSamples: min, sizes: sizesOf(sizes) };
  const ended = await whileUninterrupted(io, (signal) => runSplit(job, io.cwd, signal));
  if (typeof ended === "string") return ended;
  const { clients, ...document } = ended;
  for (const note of ended.notes) out.warn(note);
  await out.table({
    columns: columnsOf(ended),
    rows: clients,
    itemOf: (row) => row,
    json: { ...document, items: clients },
    empty: "There are no clients.",
  });
  const leftOut = ended.refused.map(({ rows, reason }) => `${rows} ${reason}`).join(", ");
  out.say(
    `${ended.rows} rows at ${clients.length} clients, in ${join(given.out, "clients")}${leftOut === "" ? "" : `; left out: ${leftOut}`}`,
  );
  return undefined;
}

type Row = SplitReport["clients"][number];

function columnsOf({ labels }: SplitReport): readonly Column<Row>[] {
  const counted = labels.slice(0, MOST_COLUMNS).map(
    (label, i): Column<Row> => ({
      key: `labelRows.${i}`,
      title: label ?? "(none)",
      align: "right",
      rank: i + 1,
      text: ({ labelRows }) => String(labelRows[i] ?? 0),
    }),
  );
  return [
    { key: "clientId", title: "client", rank: 0, text: ({ clientId }) => clientId },
    { key: "rows", title: "rows", align: "right", rank: 0, text: ({ rows }) => String(rows) },
    ...counted,
  ];
}

/** @throws UsageError for what is neither the word nor numbers above 0 */
function sizesOf(text: string | undefined): "linear" | readonly number[] {
  if (text === undefined || text === "linear") return "linear";
  const numbers = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  if (numbers.every((number) => number > 0 && Number.isFinite(number))) return numbers;
  throw new UsageError("--sizes takes linear, or numbers above 0 with commas between, such as 5,3,1.");
}
