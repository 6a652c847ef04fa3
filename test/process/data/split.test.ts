// `data split` on files of every format: its clients' files hold each row once and read as the whole did; the
// same seed gives the same bytes; what cannot be split is said, and leaves nothing behind.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parquetWriteBuffer } from "hyparquet-writer";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runSplit, type SplitJob } from "../../../infra/data/split/runSplit.ts";
import { failureLines, failureOf } from "../../../infra/fedstratus/frame/failures.ts";
import { csvOf, formats, grey, put, readWritten, type Sample } from "../../support/dataFiles.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fedstratus split-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const samples: readonly Sample[] = Array.from({ length: 53 }, (_, i) => ({
  a: Math.fround(i / 3),
  b: (i * 7) % 11,
  label: (i * i) % 4,
}));

const asked: SplitJob = {
  path: "t.csv",
  out: "out",
  by: "iid",
  clients: 4,
  alpha: 0.5,
  minSamples: 2,
  classesPerClient: 2,
  shardsPerClient: 2,
  sizes: "linear",
  seed: 7,
  isBalanced: false,
  features: undefined,
  label: undefined,
  column: undefined,
  force: false,
};

const split = (more: Partial<SplitJob>, signal = new AbortController().signal) =>
  runSplit({ ...asked, ...more }, folder, signal);

/** What stands in a folder, with everything below. */
const below = (name: string) => readdirSync(join(folder, name), { recursive: true }).map(String).toSorted();

/** The rows of a client, as its function reads them. */
async function rowsOf(data: string, features: object | undefined): Promise<readonly string[]> {
  const read = await readWritten(folder, { address: `out/${data}`, features });
  if ("batches" in read) throw new Error("a stream");
  const [width, { values }] = [read.x.shape[1] ?? 0, read.x];
  return Array.from(read.y.values, (label, row) =>
    [...values.slice(row * width, (row + 1) * width), label].join(" "),
  );
}

describe.each(formats)("$name", ({ write }) => {
  test("is split by labels, and read by its clients as it was", async () => {
    const { address, features } = write(join(folder, "in"), samples);
    if (features !== undefined) put(folder, "f.json", JSON.stringify(features));
    const job = {
      path: `in/${address}`,
      features: features === undefined ? undefined : "f.json",
      by: "dirichlet" as const,
    };
    const report = await split(job);
    expect(report.rows).toBe(53);
    expect(report.labels).toEqual(["0", "1"]);
    // Its clients read it by the same features, or where it is arrays by none.
    const read = report.format === "safetensors" ? undefined : features;
    const rows: string[] = [];
    for (const { data, rows: count, labelRows } of report.clients) {
      const own = await rowsOf(data, read);
      expect(own).toHaveLength(count);
      expect(labelRows).toEqual(["0", "1"].map((one) => own.filter((row) => row.endsWith(` ${one}`)).length));
      rows.push(...own);
    }
    const whole = samples.map(({ a, b, label }) => `${a} ${b} ${label}`);
    expect(rows.toSorted()).toEqual(whole.toSorted());
    const bytes = report.clients.map(({ data }) =>
      readFileSync(join(folder, "out", data)).toString("base64"),
    );
    expect(JSON.parse(readFileSync(join(folder, "out/split.json"), "utf8"))).toEqual(report);
    await split({ ...job, force: true });
    expect(
      report.clients.map(({ data }) => readFileSync(join(folder, "out", data)).toString("base64")),
    ).toEqual(bytes);
  });
});

describe("a natural split", () => {
  test("gives each client its rows as they were, in their order", async () => {
    put(folder, "t.csv", '\ufeffclinic,note,age\nB,"a, ""b""\n\nc",1\nÄ,"",2\n"B",\u00e9,3\n');
    const report = await split({ by: "column", column: "clinic", clients: undefined, minSamples: 1 });
    expect(report.clients.map(({ data, rows }) => [data, rows])).toEqual([
      ["clients/b.csv", 2],
      ["clients/a.csv", 1],
    ]);
    expect(readFileSync(join(folder, "out/clients/b.csv"), "utf8")).toBe(
      'clinic,note,age\nB,"a, ""b""\n\nc",1\nB,\u00e9,3\n',
    );
    expect(readFileSync(join(folder, "out/clients/a.csv"), "utf8")).toBe("clinic,note,age\nÄ,,2\n");
  });

  test("of JSON Lines leaves each line as it was, numbers beyond 2^53 too", async () => {
    const lines = ['{"who": "a", "id": 12345678901234567890, "x": 1.0}', '{"who":"b","more":[1]}', '{"x":2}'];
    put(folder, "t.jsonl", `${lines.join("\r\n")}\n`);
    await split({ path: "t.jsonl", by: "column", column: "who", clients: undefined, minSamples: 1 });
    const [a, b, none] = ["a", "b", "none"].map((name) =>
      readFileSync(join(folder, `out/clients/${name}.jsonl`), "utf8"),
    );
    expect([a, b, none]).toEqual(lines.map((line) => `${line}\n`));
  });

  test("of Parquet keeps what columns hold, and names those that no row can", async () => {
    const columnData = [
      { name: "who", data: ["a", "b", "a"], type: "STRING" as const },
      { name: "count", data: [1n, 2n, 9007199254740993n], type: "INT64" as const },
      { name: "ok", data: [true, false, null], type: "BOOLEAN" as const, nullable: true },
      { name: "at", data: [new Date(0), new Date(1), new Date(2)], type: "TIMESTAMP" as const },
    ];
    put(folder, "t.parquet", new Uint8Array(parquetWriteBuffer({ columnData })));
    const job = {
      path: "t.parquet",
      by: "column" as const,
      column: "who",
      clients: undefined,
      minSamples: 1,
    };
    const report = await split(job);
    expect(report.notes).toEqual(['The column "at" is left out: it holds dates or times: write numbers.']);
    const { parquetReadObjects } = await import("hyparquet");
    const file = readFileSync(join(folder, "out/clients/a.parquet"));
    expect(await parquetReadObjects({ file: new Uint8Array(file).buffer })).toEqual([
      { who: "a", count: 1n, ok: true },
      { who: "a", count: 9007199254740993n, ok: null },
    ]);
  });
});

describe("files", () => {
  test("of images stay in the folders of their classes", async () => {
    for (const name of ["cat", "dog"])
      for (let i = 0; i < 4; i++) put(folder, `in/${name}/${i}.png`, grey(i, i));
    put(folder, "in/README.md", "no image");
    const report = await split({ path: "in", by: "pathological", clients: 2, classesPerClient: 1 });
    expect(report).toMatchObject({ rows: 8, labels: ["cat", "dog"], format: "images" });
    const kept = below("out/clients").filter((name) => name.endsWith(".png"));
    expect(kept).toHaveLength(8);
    for (const { data, labelRows } of report.clients) {
      const [one] = readdirSync(join(folder, "out", data));
      expect(labelRows[one === "cat" ? 0 : 1]).toBe(4);
      expect(readFileSync(join(folder, "out", data, one ?? "", "3.png"))).toEqual(Buffer.from(grey(3, 3)));
    }
  });

  test("of text are copied, and have no labels", async () => {
    for (const name of ["a", "b", "c"]) put(folder, `in/${name}.txt`, name);
    await expect(split({ path: "in", by: "dirichlet" })).rejects.toThrow("Texts have no labels");
    await split({ path: "in", by: "size", clients: undefined, sizes: [2, 1], minSamples: 1 });
    expect(below("out/clients").filter((name) => name.endsWith(".txt"))).toHaveLength(3);
  });
});

describe("what cannot be split", () => {
  beforeEach(() => put(folder, "t.csv", csvOf(samples)));

  test.each<[string, Partial<SplitJob>, string]>([
    ["without its number of clients", { clients: undefined }, "--clients is needed"],
    ["by a column that is not named", { by: "column" }, "--column is needed"],
    ["by labels that are not named", { by: "shards" }, "--label"],
    [
      "by a column that is not there",
      { by: "column", column: "x" },
      'columns are "a", "b", "label": --column: there is no column "x".',
    ],
    ["into more clients than rows", { clients: 54, minSamples: 1 }, "54 clients"],
    ["with a minimum that is too high", { minSamples: 14 }, "at least 14"],
    ["from nowhere", { path: "nowhere.csv" }, "no such file"],
    ["from a bucket", { path: "gs://bucket/t.csv" }, "lies in a bucket"],
    [
      "with a features file of another kind",
      { path: ".", features: "f.json" },
      "do not say that they are images",
    ],
  ])("%s", async (_what, more, words) => {
    put(folder, "f.json", '{"kind":"images","classes":["a"],"height":1,"width":1}');
    await expect(split(more)).rejects.toThrow(words);
    expect(readdirSync(folder).toSorted()).toEqual(["f.json", "t.csv"]);
  });

  test("because too many rows are unreadable is said with the counts; a few are left out", async () => {
    writeFileSync(join(folder, "t.csv"), `${csvOf(samples)}1,2\n"x"y,1,1\n`);
    await expect(split({})).rejects.toThrow(/2 of its 55 rows.*wrong-columns 1.*bad-syntax 1/);
    const many = Array.from({ length: 4 }, () => samples).flat();
    writeFileSync(join(folder, "t.csv"), `${csvOf(many)}1,2\n`);
    expect(await split({})).toMatchObject({
      rows: 212,
      refused: [{ reason: "wrong-columns", rows: 1, firstRow: 212 }],
    });
  });

  test("by two columns that are not there names them, and above them those that are", async () => {
    const error = await split({ by: "column", column: "x", label: "y" }).catch((thrown: unknown) => thrown);
    const failure = failureOf(error);
    expect(failure === null ? [] : failureLines(failure)).toEqual([
      'error: The table\'s columns are "a", "b", "label":',
      '  --label: there is no column "y"',
      '  --column: there is no column "x"',
    ]);
  });

  test("because names repeat, where one column would take another's place", async () => {
    put(folder, "t.csv", "a,b,a\n1,2,3\n4,5,6\n");
    await expect(split({ clients: 1 })).rejects.toThrow(/t\.csv: .*\(2 "a"\): give each a name/);
    expect(readdirSync(folder)).toEqual(["t.csv"]);
  });

  test("is stopped by a signal, and taken back", async () => {
    const stop = new AbortController();
    stop.abort();
    await expect(split({}, stop.signal)).rejects.toThrow();
    expect(readdirSync(folder)).toEqual(["t.csv"]);
  });
});

describe("a folder that is there", () => {
  beforeEach(() => put(folder, "t.csv", csvOf(samples)));

  test("is replaced as a whole where it is a split, and told to", async () => {
    await split({ clients: 4 });
    await expect(split({ clients: 2 })).rejects.toThrow("exists already");
    await split({ clients: 2, force: true });
    expect(below("out")).toEqual(["clients", "clients/client-01.csv", "clients/client-02.csv", "split.json"]);
  });

  test.each([
    ["a file that is no split's", "out/thesis.txt"],
    ["no split's document", "out/clients/a.csv"],
    ["another document", "out/split.json"],
  ])("is left alone where it has %s", async (_what, name) => {
    put(folder, name, "{}");
    await expect(split({ force: true })).rejects.toThrow("is not replaced");
    expect(existsSync(join(folder, name))).toBe(true);
    expect(readdirSync(folder).toSorted()).toEqual(["out", "t.csv"]);
  });

  test("may not be a folder that holds some of the data", async () => {
    await split({});
    await expect(split({ path: "**/*.csv", force: true })).rejects.toThrow("holds some of the data");
    expect(below("out")).toHaveLength(6);
  });

  test("is used where it is empty", async () => {
    put(folder, "out/x", "");
    rmSync(join(folder, "out/x"));
    await split({});
    expect(below("out")).toContain("split.json");
  });
});

test("labels that are numbers to predict are no classes", async () => {
  const many = Array.from({ length: 1_100 }, (_, i) => ({ a: 1, b: 1, label: i }));
  put(folder, "t.csv", csvOf(many));
  await expect(split({ by: "dirichlet", label: "label" })).rejects.toThrow("more than 1000 different values");
});
