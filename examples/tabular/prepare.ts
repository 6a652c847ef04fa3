// Makes the data of both tabular examples: birds that hit aeroplanes, as reported to the FAA from 1990 to
// 2002, a client for each carrier.
//   node prepare.ts [--clients 10] [--rows 5000] [--test 0.2] [--seed 1] [--out data]
import { createHash } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parse } from "csv-parse/sync";
import { npmPackage } from "../../infra/data/npmPackage.ts";

const { values } = parseArgs({
  options: {
    clients: { type: "string", default: "10" },
    rows: { type: "string", default: "5000" },
    test: { type: "string", default: "0.2" },
    seed: { type: "string", default: "1" },
    out: { type: "string", default: join(import.meta.dirname, "data") },
  },
});
const { out } = values;
const [clients = 0, most = 0, seed = 0] = [values.clients, values.rows, values.seed].map(count);
const testShare = Number(values.test);

interface Strike {
  readonly carrier: string;
  /** Of the columns that the features files name. */
  readonly fields: readonly string[];
  readonly isTest: boolean;
}

const COLUMNS = ["aircraft", "phase", "time", "size", "speed", "damage"];

const datasets = await npmPackage({
  name: "vega-datasets",
  version: "3.2.1",
  integrity:
    "sha512-lTSwZA6yq6qSU2YZm+6bqILiIvTPPxn4itir7jPGFmHIdPvUfQ9pCzzcrklYywMJgLUbaIeSkZQdiJd6wBxPug==",
});
const rows: readonly Record<string, string>[] = parse(
  await readFile(join(datasets, "data", "birdstrikes.csv")),
  { columns: true },
);
const strikes = rows.map((row, place): Strike => {
  const damage = row["Effect Amount of damage"] === "None" ? "no" : "yes";
  const given = [
    "Aircraft Make Model",
    "Phase of flight",
    "Time of day",
    "Wildlife Size",
    "Speed IAS in knots",
  ];
  return {
    carrier: nameOf(row["Aircraft Airline Operator"] ?? ""),
    fields: [...given.map((column) => row[column] ?? ""), damage],
    isTest: shareOf(place) < testShare,
  };
});
const carriers = [...Map.groupBy(strikes, ({ carrier }) => carrier)]
  .toSorted(([a, of], [b, others]) => others.length - of.length || (a < b ? -1 : 1))
  .slice(0, clients);

// Written beside and moved when it is whole: half of a data set is none.
const partial = `${out}.partial`;
await rm(partial, { recursive: true, force: true });
await mkdir(join(partial, "clients"), { recursive: true });
for (const [carrier, reported] of carriers) {
  const trained = reported.filter(({ isTest }) => !isTest).slice(0, most);
  await writeFile(join(partial, "clients", `${carrier}.csv`), csvOf(trained));
}
const tested = carriers.flatMap(([, reported]) => reported.filter(({ isTest }) => isTest));
await writeFile(join(partial, "test.csv"), csvOf(tested));
await rm(out, { recursive: true, force: true });
await rename(partial, out);

process.stdout.write(`${carriers.length} carriers, and ${tested.length} strikes to score on, in ${out}\n`);

/** In [0, 1): the same for a row whatever is appended after it. */
function shareOf(place: number): number {
  return createHash("sha256").update(`${seed} ${place}`).digest().readUInt32BE() / 2 ** 32;
}

/** A carrier's name as a client's: "US AIRWAYS*" is us-airways. */
function nameOf(carrier: string): string {
  return carrier
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
}

/** None of the fields holds a comma or a quotation mark. */
function csvOf(reported: readonly Strike[]): string {
  return [COLUMNS, ...reported.map(({ fields }) => fields)].map((fields) => `${fields.join(",")}\n`).join("");
}

function count(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new Error(`"${text}" is no count: use a whole number from 1.`);
}
