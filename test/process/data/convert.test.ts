// `data convert` and `data inspect` on files of every format: converted, samples are the same; what is told
// of them holds no value; what cannot be converted is said, and leaves nothing behind.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ConvertJob, runConvert } from "../../../infra/data/convert/runConvert.ts";
import { runInspect } from "../../../infra/data/inspect/runInspect.ts";
import { newFile } from "../../../infra/data/write/newFiles.ts";
import { csvOf, formats, grey, put, readWritten, type Sample, table } from "../../support/dataFiles.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fedstratus convert-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** Values that stand in no count. */
const samples: readonly Sample[] = Array.from({ length: 53 }, (_, i) => ({
  a: Math.fround(i / 3 + 7_654),
  b: 8_765 + ((i * 7) % 11),
  label: (i * i) % 4,
}));

const asked: ConvertJob = {
  path: "t.csv",
  out: "out.safetensors",
  features: undefined,
  label: undefined,
  classes: undefined,
  split: undefined,
  seed: 7,
  force: false,
};
const convert = (more: Partial<ConvertJob>, signal = new AbortController().signal) =>
  runConvert({ ...asked, ...more }, folder, signal);
const inspect = (path: string, features?: string) =>
  runInspect(
    { path, features, label: undefined, most: null, withValues: false },
    folder,
    new AbortController().signal,
  );

async function rowsOf(address: string, features?: object): Promise<readonly string[]> {
  const read = await readWritten(folder, { address, features });
  if ("batches" in read) throw new Error("a stream");
  const [width, { values }] = [read.x.shape[1] ?? 0, read.x];
  return Array.from(read.y.values, (label, row) =>
    [...values.slice(row * width, (row + 1) * width), label].join(" "),
  );
}
const whole = samples.map(({ a, b, label }) => `${a} ${b} ${label}`);

describe.each(formats)("$name", ({ write }) => {
  let [path, features]: [string, string | undefined] = ["", undefined];
  let given: object | undefined;
  beforeEach(() => {
    const written = write(join(folder, "in"), samples);
    path = `in/${written.address}`;
    given = written.features;
    if (given !== undefined) put(folder, "f.json", JSON.stringify(given));
    features = given === undefined ? undefined : "f.json";
  });

  test("becomes samples, in their order", async () => {
    expect(await convert({ path, features })).toMatchObject({ rows: 53, written: 53, refused: [] });
    expect(await rowsOf("out.safetensors")).toEqual(whole);
  });

  test("is split by each row's hash, and so again when rows are added", async () => {
    const { items } = await convert({ path, features, split: 0.6 });
    expect(items.map(({ file }) => file)).toEqual(["out-train.safetensors", "out-test.safetensors"]);
    const [train, test] = [await rowsOf("out-train.safetensors"), await rowsOf("out-test.safetensors")];
    expect([...train, ...test].toSorted()).toEqual(whole.toSorted());
    expect(train.length).toBeGreaterThan(test.length);
    write(join(folder, "in"), [...samples, ...samples.map((one) => ({ ...one, a: one.a + 1_000 }))]);
    await convert({ path, features, split: 0.6, force: true });
    expect((await rowsOf("out-train.safetensors")).slice(0, train.length)).toEqual(train);
    await convert({ path, features, split: 0.6, seed: 8, force: true });
    expect((await rowsOf("out-train.safetensors")).slice(0, train.length)).not.toEqual(train);
  });

  test("is told of without a value of it", async () => {
    for (const by of [undefined, features]) {
      if (by === undefined && features !== undefined && /idx|npy/.test(JSON.stringify(given) + path))
        continue;
      const { report } = await inspect(path, by).catch(() => ({ report: null }));
      const text = JSON.stringify(report);
      expect(text).not.toMatch(/765\d|766\d|767\d|87[67]\d/);
      if (by === features) expect(report?.asRead).toMatchObject({ samples: 53, inputShape: [2] });
    }
  });
});

describe.each(["csv", "tsv", "jsonl", "parquet"])("a table as .%s", (ending) => {
  test.each(["csv", "tsv", "jsonl", "parquet"])("becomes .%s, and is read the same", async (other) => {
    put(folder, "t.csv", csvOf(samples));
    await convert({ out: `one.${ending}` });
    await convert({ path: `one.${ending}`, out: `two.${other}` });
    expect(await rowsOf(`two.${other}`, table)).toEqual(whole);
  });
});

describe("a table in another format", () => {
  test("keeps codes and texts as they are, and makes numbers of numbers", async () => {
    put(folder, "t.csv", 'code,n,x,ok,t\n007,1,1.5,true,"a,b"\n12,,-2,false,\n');
    await convert({ out: "o.jsonl" });
    expect(readFileSync(join(folder, "o.jsonl"), "utf8")).toBe(
      '{"code":"007","n":1,"x":1.5,"ok":true,"t":"a,b"}\n{"code":"12","n":null,"x":-2,"ok":false,"t":null}\n',
    );
    await convert({ path: "o.jsonl", out: "o.csv" });
    expect(readFileSync(join(folder, "o.csv"), "utf8")).toBe(
      'code,n,x,ok,t\n007,1,1.5,true,"a,b"\n12,,-2,false,\n',
    );
  });

  test("has the columns of all its rows, wherever they come up", async () => {
    put(folder, "in/a.jsonl", '{"a":1}\n{"b":2}\n');
    put(folder, "in/b.jsonl", '{"c":3,"a":4}\n');
    await convert({ path: "in", out: "o.csv" });
    expect(readFileSync(join(folder, "o.csv"), "utf8")).toBe("a,b,c\n1,,\n,2,\n4,,3\n");
  });

  test.each<[string, Readonly<Record<string, string>>]>([
    [
      "in other orders",
      { "a.csv": "a,b\n1,2\n", "b.csv": "b,a\n2,1\n", "c.csv": "d\n1\n2\n3\n4\n5\n6\n7\n" },
    ],
    [
      "more further down",
      {
        "a.jsonl": '{"a":1,"b":2}\n',
        "b.jsonl": '{"c":9}\n{"b":2,"c":null,"a":1}\n{"d":1}\n{"d":2}\n{"d":3}\n{"d":4}\n{"d":5}\n{"d":6}\n',
      },
    ],
  ])("has rows that are the same in one part, also where its columns are %s", async (_what, files) => {
    for (const [name, text] of Object.entries(files)) put(folder, `in/${name}`, text);
    const counts = new Set<number>();
    for (let seed = 0; seed < 12; seed++) {
      await convert({ path: "in", out: "o.jsonl", split: 0.5, seed, force: true });
      const train = readFileSync(join(folder, "o-train.jsonl"), "utf8");
      counts.add(train.split("\n").filter((line) => /"a":1\b/.test(line)).length);
    }
    expect(counts).toEqual(new Set([0, 2]));
  });

  test.each(["csv", "tsv", "jsonl", "parquet"])(
    "as .%s is refused where names repeat: one column would take another's place",
    async (ending) => {
      put(folder, "t.csv", "a,b,a,,\n1,2,3,4,5\n");
      await expect(convert({ out: `o.${ending}` })).rejects.toThrow(
        /t\.csv: .*\(2 "a", 2 ""\): give each a name/,
      );
      expect(readdirSync(folder)).toEqual(["t.csv"]);
    },
  );

  test("that cannot hold lists is refused by the column", async () => {
    put(folder, "t.jsonl", '{"a":[1,2],"b":1}\n');
    for (const out of ["o.csv", "o.parquet"]) {
      await expect(convert({ path: "t.jsonl", out })).rejects.toThrow('The column "a" holds lists');
    }
    expect(readdirSync(folder)).toEqual(["t.jsonl"]);
  });
});

describe("by a label alone", () => {
  beforeEach(() => put(folder, "t.csv", "id,age,sex,y\n1,61,f,ill\n2,35,m,well\n3,,f,well\n"));

  test("inputs are the numbers, and other columns are named as left out", async () => {
    writeFileSync(join(folder, "t.csv"), "age,sex,y\n61,f,ill\n35,m,well\n");
    const report = await convert({ label: "y", classes: ["well", "ill"] });
    expect(report).toMatchObject({ inputShape: [1], targetShape: [], written: 2 });
    expect(report.notes).toEqual([expect.stringContaining('The column "sex" is left out')]);
    expect(await rowsOf("out.safetensors")).toEqual(["61 1", "35 0"]);
  });

  test.each<[string, Partial<ConvertJob>, string]>([
    ["texts without their classes", { label: "y" }, "--classes names the values"],
    ["a column that is not there", { label: "z" }, 'no column "z"'],
    ["nothing that says what is seen", {}, "data inspect"],
    ["too many rows that cannot be used", { label: "y", classes: ["well", "ill"] }, "1 of its 3 rows"],
    ["a part without rows", { out: "o.jsonl", split: 1e-9 }, "would have no rows"],
    ["an ending that is not written", { out: "o.xls" }, "end its name in"],
    ["a label for a table", { out: "o.csv", label: "y" }, "leave them out"],
    ["a folder that is not there", { out: "no/o.csv" }, "cannot be used"],
    ["itself", { out: "t.csv" }, "exists already"],
  ])("%s is refused, and nothing is left", async (_what, more, words) => {
    await expect(convert(more)).rejects.toThrow(words);
    expect(readdirSync(folder)).toEqual(["t.csv"]);
  });

  test("a signal ends it, and nothing is left", async () => {
    const stop = new AbortController();
    stop.abort();
    await expect(convert({ out: "o.jsonl" }, stop.signal)).rejects.toThrow();
    expect(readdirSync(folder)).toEqual(["t.csv"]);
  });
});

describe("inspecting", () => {
  test("images says their classes and sizes, and how to read them", async () => {
    for (const name of ["cat", "dog"]) put(folder, `in/${name}/1.png`, grey(1, 2));
    put(folder, "in/cat/2.png", "no image");
    const { report } = await inspect("in");
    expect(report).toMatchObject({
      kind: "images",
      rows: 3,
      classes: [
        { name: "cat", rows: 2 },
        { name: "dog", rows: 1 },
      ],
      facts: { "2 × 1, grey": 2, "no image": 1 },
      suggested: { kind: "images", classes: ["cat", "dog"], height: 1, width: 2, channels: 1 },
    });
  });

  test("texts counts them", async () => {
    put(folder, "in/a.txt", "Ein Bär,\nzwei Bären.\n");
    put(folder, "in/b.md", "drei");
    const { report } = await inspect("in");
    expect(report.facts).toEqual({ characters: 25, words: 5, lines: 2, distinctCharacters: 14 });
  });

  test("a table without a header says so, one without rows too", async () => {
    put(folder, "t.csv", "61,35,1\n60,34,0\n");
    expect((await inspect("t.csv")).report.notes[0]).toMatch(/names are numbers/);
    put(folder, "t.csv", "a,b\n");
    await expect(inspect("t.csv")).rejects.toThrow(/t\.csv: it has no rows/);
  });

  test("a table whose names repeat tells of each column, and suggests those that can be named", async () => {
    put(folder, "t.csv", "a,b,a,c\n1,2,,4\n1,3,,5\n");
    const { report } = await inspect("t.csv");
    expect(report.columns).toMatchObject([
      { name: "a", kind: "number", missing: 0, distinct: 1 },
      { name: "b", distinct: 2 },
      { name: "a", kind: "empty", missing: 2, distinct: 0 },
      { name: "c" },
    ]);
    expect(report.suggested).toMatchObject({ inputs: [{ column: "b" }], target: { column: "c" } });
  });

  test.each([
    ["a;b\n1;2\n", '"delimiter": ";"'],
    ["a|b\n1|2\n", '"delimiter": "|"'],
    ["a\tb\n1\t2\n", '"delimiter": "\\t"'],
  ])("a table with another delimiter than a comma says so: %j", async (text, words) => {
    put(folder, "t.csv", text);
    expect((await inspect("t.csv")).report.notes.join(" ")).toContain(words);
  });

  test("a file of features takes the place of that name alone", async () => {
    put(folder, "f.json.part", "mine");
    await newFile("--out", "f.json", folder, false).write("{}");
    expect(readdirSync(folder).toSorted()).toEqual(["f.json", "f.json.part"]);
    expect(readFileSync(join(folder, "f.json.part"), "utf8")).toBe("mine");
  });
});
