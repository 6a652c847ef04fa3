// One contract for all readers: the same samples in any format give the same tensors, a damaged file is
// refused with a reason that quotes nothing of it, and a bad row is counted and costs no other.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readData } from "../../../shared/cloud/data/readData.ts";
import { FlError } from "../../../shared/core/errors.ts";
import type { DataStream, Dataset } from "../../../shared/core/ports/trainer.ts";
import { randomFrom } from "../../../shared/core/random.ts";
import {
  csvOf,
  formats,
  jsonLinesOf,
  parquetOf,
  put,
  readWritten,
  type Sample,
  table,
} from "../../support/dataFiles.ts";
import { refusalOf } from "../../support/refusal.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fedstratus readers-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const random = randomFrom(7, "samples");
const samples: readonly Sample[] = Array.from({ length: 53 }, () => ({
  a: Math.fround(random.normal()),
  b: random.int(1_000) - 500,
  label: random.int(4),
}));
const expected = {
  x: { shape: [53, 2], values: Float32Array.from(samples.flatMap(({ a, b }) => [a, b])) },
  y: { shape: [53], values: Float32Array.from(samples, ({ label }) => label) },
};

function inMemory(data: Dataset | DataStream): Dataset {
  if ("batches" in data) throw new Error("It is a stream.");
  return data;
}

describe.each(formats)("$name", ({ write }) => {
  test("gives the samples, in their order", async () => {
    const { x, y, facts } = inMemory(await readWritten(folder, write(folder, samples)));
    expect({ x, y }).toEqual(expected);
    expect(facts).toEqual({ rows: 53, refused: [], dropped: 0 });
  });

  test("is refused where it is cut short, wherever that is", async () => {
    const written = write(folder, samples);
    const path = join(folder, lastFile(written.address));
    const whole = readFileSync(path);
    const cuts = new Set([
      0,
      3,
      9,
      ...[0.2, 0.5, 0.8].map((share) => Math.floor(whole.length * share)),
      whole.length - 1,
    ]);
    for (const end of cuts) {
      put(folder, lastFile(written.address), whole.subarray(0, end));
      const read = await readWritten(folder, { ...written, features: strict(written.features) }).then(
        inMemory,
        (error: unknown) => error,
      );
      // A table may end after any row, and some of the last one's digits still make a number.
      if (!(read instanceof Error)) {
        expect(isTable(written.features)).toBe(true);
        expect((read as Dataset).y.values.length).toBeLessThanOrEqual(53);
        continue;
      }
      expect(read, String(read)).toBeInstanceOf(FlError);
      expect(["invalid-argument", "data-loss"]).toContain((read as FlError).code);
    }
  });

  test("is no other format's", async () => {
    const written = write(folder, samples);
    for (const content of [
      noise(500),
      Buffer.alloc(4_096),
      Buffer.from('{"access_token":"ya29.secret"}\n'),
    ]) {
      put(folder, lastFile(written.address), content);
      const error = await refusalOf(() =>
        readWritten(folder, { ...written, features: strict(written.features) }),
      );
      expect(["invalid-argument", "data-loss", "too-large"]).toContain(error.code);
      expect(error.message).not.toMatch(/ya29|access_token/);
    }
  });
});

/** The file of the samples that is damaged: the last of several. */
function lastFile(address: string): string {
  if (address.startsWith("parts") || address.startsWith("**")) {
    const { length } = formats;
    return length > 0 ? `parts/2026/b${endingIn(folder)}` : "";
  }
  if (address.startsWith("arrays")) return `arrays/${address.endsWith("/") ? "x.npy" : "data.npy"}`;
  if (address === "idx") return idxFile(folder);
  return address;
}

function endingIn(root: string): string {
  return (
    [".csv", ".parquet", ".safetensors"].find((ending) => has(join(root, `parts/2026/b${ending}`))) ?? ""
  );
}

function idxFile(root: string): string {
  return has(join(root, "idx/images-idx2-float")) ? "idx/images-idx2-float" : "idx/images-idx2-float.gz";
}

function has(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  }
}

function isTable(features: object | undefined): boolean {
  return features !== undefined && "inputs" in features && Array.isArray(features.inputs);
}

function strict(features: object | undefined): object | undefined {
  return isTable(features) ? { ...features, maxRefusedShare: 0 } : features;
}

function noise(length: number): Buffer {
  const bytes = randomFrom(3, "noise");
  return Buffer.from(Uint8Array.from({ length }, () => bytes.int(256)));
}

describe("bad rows", () => {
  const rows: readonly [string, string, string][] = [
    ["missing-value", "a,b,label\n1,2,0\n1,,0\n", '{"a":1,"b":2,"label":0}\n{"a":1,"b":null,"label":0}\n'],
    [
      "not-a-number",
      "a,b,label\n1,2,0\n1,ssn-123,0\n",
      '{"a":1,"b":2,"label":0}\n{"a":1,"b":"ssn-123","label":0}\n',
    ],
    ["not-a-number", "a,b,label\n1,2,0\n1,1e99,0\n", '{"a":1,"b":2,"label":0}\n{"a":1,"b":1e99,"label":0}\n'],
    [
      "not-a-number",
      "a,b,label\n1,2,0\n1,0x10,0\n",
      '{"a":1,"b":2,"label":0}\n{"a":1,"b":{"c":1},"label":0}\n',
    ],
    ["wrong-columns", "a,b,label\n1,2,0\n1,0\n", ""],
    ["bad-syntax", 'a,b,label\n1,2,0\n1,"2"x,0\n', '{"a":1,"b":2,"label":0}\n{"a":1,"b":\n'],
    ["bad-syntax", 'a,b,label\n1,2,0\n1,"2,0\n', '{"a":1,"b":2,"label":0}\n[1,2,0]\n'],
  ];
  const forms = rows.flatMap(([reason, csv, lines]) => [
    { reason, name: "t.csv", content: csv },
    ...(lines === "" ? [] : [{ reason, name: "t.jsonl", content: lines }]),
  ]);

  test.each(forms)("$reason in $content", async ({ reason, name, content }) => {
    put(folder, name, content);
    const lenient = { ...table, maxRefusedShare: 0.5 };
    const { facts, x } = inMemory(await readWritten(folder, { address: name, features: lenient }));
    expect(facts).toEqual({ rows: 2, refused: [{ reason, rows: 1, firstRow: 1 }], dropped: 0 });
    expect([...x.values]).toEqual([1, 2]);
    const error = await refusalOf(() =>
      readWritten(folder, { address: name, features: { ...table, maxRefusedShare: 0.49 } }),
    );
    expect(error).toMatchObject({ code: "invalid-argument", retry: "never" });
    expect(error.message).toContain(
      `1 of its 2 rows cannot be used, more than the share maxRefusedShare = 0.49: ${reason} 1 (first: row 1)`,
    );
    expect(error.message).not.toMatch(/ssn|1e99/);
  });

  test("cost no other row, whatever quotation marks they leave open", async () => {
    const good = samples.map(({ a, b, label }) => `${a},"${b}",${label}`);
    const bad = ['1,"2"x,0', 'x"1,2,0', '1,"2,0', '"1,2,0', '1,2"",0'];
    for (const line of bad) {
      put(folder, "t.csv", ["a,b,label", ...good.slice(0, 20), line, ...good.slice(20), ""].join("\n"));
      const features = { ...table, maxRefusedShare: 0.1 };
      const { facts, x, y } = inMemory(await readWritten(folder, { address: "t.csv", features }));
      expect(facts, line).toMatchObject({ rows: 54, refused: [{ rows: 1, firstRow: 20 }] });
      expect({ x, y }).toEqual(expected);
    }
  });

  test("are counted, those dropped on purpose apart, in every format of tables", async () => {
    const holes = samples.map((sample, i) => (i % 10 === 3 ? { ...sample, b: Number.NaN } : sample));
    const features = {
      kind: "table",
      inputs: ["a", { column: "b", type: "number", missing: "drop" }],
      target: { column: "label", type: "number", classes: 3 },
      maxRefusedShare: 1,
    };
    put(folder, "t.csv", csvOf(holes));
    put(folder, "t.jsonl", jsonLinesOf(holes));
    put(folder, "t.parquet", parquetOf(holes));
    const wrong = holes.filter(({ label }) => label > 2).length;
    for (const address of ["t.csv", "t.jsonl", "t.parquet"]) {
      const { facts } = inMemory(await readWritten(folder, { address, features }));
      const dropped = holes.filter(({ b, label }) => Number.isNaN(b) && label <= 2).length;
      expect(facts).toMatchObject({ rows: 53, refused: [{ reason: "not-a-class", rows: wrong }], dropped });
    }
  });
});

test("a mark in front changes no text, quotation marks or not", async () => {
  const features = { ...table, inputs: [{ column: "à", type: "category", vocabulary: ["é", "ü"] }] };
  for (const header of ["à,label", '"à",label', 'à,"label"']) {
    put(folder, "t.csv", `\ufeff${header}\né,1\n"ü",2\n`);
    const { x, y } = inMemory(await readWritten(folder, { address: "t.csv", features }));
    expect([...x.values, ...y.values]).toEqual([1, 0, 0, 1, 1, 2]);
  }
});

describe("a file that is something else than its name says", () => {
  const csv = csvOf(samples);
  const utf16 = (text: string, isBig = false) => {
    const bytes = Buffer.from(text, "utf16le");
    return isBig ? bytes.swap16() : bytes;
  };
  const others: readonly [what: string, name: string, content: string | Uint8Array, why: RegExp][] = [
    [
      "lines with a carriage return alone",
      "t.csv",
      csvOf(samples, ",", "\r"),
      /carriage return alone.*line feeds/,
    ],
    ["lines with a carriage return alone", "t.tsv", csvOf(samples, "\t", "\r"), /carriage return alone/],
    [
      "lines with a carriage return alone",
      "t.jsonl",
      jsonLinesOf(samples).replaceAll("\n", "\r"),
      /carriage return alone/,
    ],
    ["gzip", "t.csv", gzipSync(csv), /compressed by gzip, which its name does not say/],
    ["gzip", "t.jsonl", gzipSync(jsonLinesOf(samples)), /compressed by gzip, which its name does not say/],
    ["text", "t.csv.gz", csv, /ends in \.gz, and it is not compressed/],
    ["text", "t.jsonl.gz", jsonLinesOf(samples), /ends in \.gz, and it is not compressed/],
    ["Parquet", "t.csv", parquetOf(samples), /Parquet file: end its name in \.parquet/],
    ["UTF-16 with its mark", "t.csv", utf16(`\ufeff${csv}`), /UTF-16.*save it as UTF-8/],
    ["big-endian UTF-16", "t.csv", utf16(`\ufeff${csv}`, true), /UTF-16.*save it as UTF-8/],
    ["UTF-16 without its mark", "t.csv", utf16(csv), /NUL bytes, as UTF-16.*UTF-8/],
    ["UTF-16 without its mark", "t.jsonl", utf16(jsonLinesOf(samples)), /NUL bytes, as UTF-16.*UTF-8/],
  ];

  test.each(others)("%s in %s is told, with what to do", async (_, name, content, why) => {
    put(folder, name, content);
    const error = await refusalOf(() => readWritten(folder, { address: name, features: table }));
    expect(error).toMatchObject({ code: "invalid-argument", retry: "never" });
    expect(error.message).toMatch(why);
    expect(error.message).toContain(name);
  });

  test("a text in UTF-16 is told alike", async () => {
    put(folder, "t.txt", utf16("abababab"));
    const features = { kind: "text", vocabulary: ["a", "b"], length: 2 };
    const error = await refusalOf(() => readWritten(folder, { address: "t.txt", features }));
    expect(error.message).toMatch(/NUL bytes, as UTF-16/);
  });

  test("so is the second file of several", async () => {
    put(folder, "two/a.csv", csv);
    put(folder, "two/b.csv", csvOf(samples, ",", "\r"));
    const error = await refusalOf(() => readWritten(folder, { address: "two/", features: table }));
    expect(error.message).toMatch(/b\.csv: its lines end in a carriage return alone/);
  });

  test.each<[string, string]>([
    ["both ends of lines in turn", csv.replaceAll(/\n(?=(?:[^\n]*\n[^\n]*\n)*$)/g, "\r\n")],
    ["a mark in front", `\ufeff${csv}`],
    ["both", `\ufeff${csvOf(samples, ",", "\r\n")}`],
    ["no end of the last line", csv.slice(0, -1)],
    ["empty lines", csv.replaceAll("\n", "\n\n")],
  ])("%s is read as it is", async (_, content) => {
    put(folder, "t.csv", content);
    const { x, y, facts } = inMemory(await readWritten(folder, { address: "t.csv", features: table }));
    expect({ x, y }).toEqual(expected);
    expect(facts).toEqual({ rows: 53, refused: [], dropped: 0 });
  });

  test("a NUL in a row is that row's fault alone", async () => {
    put(folder, "t.csv", "a,b,label\n1,2,0\n1,\0,0\n");
    const features = { ...table, maxRefusedShare: 0.5 };
    const { facts } = inMemory(await readWritten(folder, { address: "t.csv", features }));
    expect(facts).toEqual({
      rows: 2,
      refused: [{ reason: "not-a-number", rows: 1, firstRow: 1 }],
      dropped: 0,
    });
  });

  test.each<[string, Uint8Array, RegExp | null]>([
    ["a mark in front", Buffer.from(`\ufeff${JSON.stringify(table)}`), null],
    ["UTF-16", utf16(`\ufeff${JSON.stringify(table)}`), /features file at .* cannot be read: it is UTF-16/],
    ["gzip", gzipSync(JSON.stringify(table)), /features file at .* cannot be read: it is compressed by gzip/],
  ])("a features file with %s", async (_, content, why) => {
    put(folder, "t.csv", csv);
    put(folder, "f.json", content);
    const base = pathToFileURL(folder).href;
    const place = { address: `${base}/t.csv`, features: `${base}/f.json` };
    const tokens = { accessToken: async () => "", fetchIdToken: async () => "" };
    const read = () => readData(place, { tokens }, { mayStream: true });
    if (why === null) expect(inMemory(await read()).y).toEqual(expected.y);
    else expect((await refusalOf(read)).message).toMatch(why);
  });
});
