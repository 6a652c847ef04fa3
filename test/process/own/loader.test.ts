// An owner's loader: what it is given, what of it is believed, and that nothing it says leaves the function.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import ecg from "../../../examples/own-code/loader.ts";
import type { LoadedStream, LoaderInput, Samples } from "../../../shared/cloud/own/client.ts";
import type { DataStream, Dataset } from "../../../shared/core/ports/trainer.ts";
import { randomFrom } from "../../../shared/core/random.ts";
import { keptLog, loadBy } from "../../support/ownCode.ts";
import { refusalOf } from "../../support/refusal.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fedstratus loader-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const SECRET = "ssn-078-05-1120";

const two: Samples = {
  x: { shape: [2, 3], values: [1, 2, 3, 4, 5, 6] },
  y: { shape: [2], values: [0, 1] },
};

function inMemory(data: Dataset | DataStream): Dataset {
  if ("batches" in data) throw new Error("It is a stream.");
  return data;
}

function streaming(data: Dataset | DataStream): DataStream {
  if (!("batches" in data)) throw new Error("It is in memory.");
  return data;
}

async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe("what a loader is given", () => {
  test("is where the data are, the features as they are, and a way to read both", async () => {
    writeFileSync(join(folder, "a b#1%.csv"), "1,2\n");
    writeFileSync(join(folder, "features.json"), '{"window":250,"__proto__":1}');
    let given: LoaderInput | undefined;
    const loader = async (input: LoaderInput) => {
      given = input;
      const [first] = (await input.list()).filter(({ name }) => name.endsWith(".csv"));
      const whole = Buffer.from(await (await input.open(first?.address ?? "")).bytes()).toString();
      const part = await (await input.open(first?.address ?? "", { begin: 2, end: 3 })).bytes();
      return { ...two, y: { shape: [2], values: [whole.length, part[0] ?? 0] } };
    };
    const data = inMemory(await loadBy(loader, { folder, features: join(folder, "features.json") }));
    expect(given).toMatchObject({
      clientId: "clinic-07",
      data: "x-rays",
      address: `${pathToFileURL(folder).href}/`,
      memoryMib: 2_048,
    });
    expect(Object.keys(Object(given?.features))).toEqual(["window", "__proto__"]);
    expect(data.y.values).toEqual(Float32Array.of(4, 50));
    expect(data.facts).toEqual({ rows: 2, refused: [], dropped: 0 });
  });

  test("a file that it may not open is refused in our words, with our verdict", async () => {
    const loader = async ({ open }: LoaderInput) => {
      await open(`${pathToFileURL(folder).href}/none.bin`).catch((cause: unknown) => {
        throw new Error(`mine ${SECRET}`, { cause });
      });
      return two;
    };
    const error = await refusalOf(() => loadBy(loader, { folder }));
    expect(error).toMatchObject({ code: "failed-precondition", retry: "never" });
    expect(error.message).toMatch(/none\.bin cannot be read: there is no such file/);
    const outside = await refusalOf(() =>
      loadBy(({ open }: LoaderInput) => open("http://169.254.169.254/"), { folder }),
    );
    expect(outside.message).toBe("An address to open must begin with gs:// or file://.");
  });
});

describe("what a loader returns", () => {
  test("in memory, may be numbers of any kind", async () => {
    const values = [Float32Array.of(1, 2), [1, 2], Float64Array.of(1, 2), BigInt64Array.of(1n, 2n)];
    for (const given of values) {
      const data = await loadBy(
        async () => ({ x: { shape: [2, 1], values: given }, y: { shape: [2], values: [0, 1] } }),
        {
          folder,
        },
      );
      expect(inMemory(data).x).toEqual({ shape: [2, 1], values: Float32Array.of(1, 2) });
    }
  });

  const y = { shape: [2], values: [0, 1] };
  const bad: readonly [string, unknown, string][] = [
    ["nothing", undefined, "returned no data set"],
    ["a text", SECRET, "returned no data set"],
    ["no x", { y }, "gave x without a shape: a list of sizes, the number of samples first"],
    [
      "a scalar",
      { x: { shape: [], values: [1] }, y },
      "gave x without a shape: a list of sizes, the number of samples first",
    ],
    [
      "a shape of texts",
      { x: { shape: [SECRET], values: [1] }, y },
      "gave x without a shape: a list of sizes, the number of samples first",
    ],
    [
      "a negative size",
      { x: { shape: [-1, -2], values: [1, 2] }, y },
      "gave x without a shape: a list of sizes, the number of samples first",
    ],
    [
      "a shape beyond all numbers",
      { x: { shape: [2 ** 30, 2 ** 30], values: [] }, y },
      "gave x without a shape: a list of sizes, the number of samples first",
    ],
    ["no values", { x: { shape: [2] }, y }, "gave x without values"],
    [
      "values of another number",
      { x: { shape: [2, 2], values: [1, 2, 3] }, y },
      "gave x of shape [2,2] with 3 values, not 4",
    ],
    [
      "texts as values",
      { x: { shape: [2], values: ["1", SECRET] }, y },
      "gave x with a value in row 0, counted from 0, that is no finite float32",
    ],
    [
      "NaN",
      { x: { shape: [2, 2], values: [1, 2, 3, Number.NaN] }, y },
      "gave x with a value in row 1, counted from 0, that is no finite float32",
    ],
    [
      "more than float32 holds",
      { x: { shape: [2], values: [1, 1e39] }, y },
      "gave x with a value in row 1, counted from 0, that is no finite float32",
    ],
    [
      "other numbers of samples",
      { x: { shape: [3], values: [1, 2, 3] }, y },
      "gave 3 samples x and 2 labels y",
    ],
    ["no samples", { x: { shape: [0, 3], values: [] }, y: { shape: [0], values: [] } }, "gave no samples"],
    [
      "reasons that quote",
      { ...two, refused: [{ reason: SECRET.toUpperCase(), rows: 1, firstRow: 0 }] },
      "returned `refused` that is no list of { reason, rows, firstRow }, with reasons of lower-case letters and hyphens",
    ],
    [
      "a stream of nothing",
      { samples: 0, inputShape: [1], targetShape: [], batches: () => [] },
      "returned a stream whose `samples` is not a whole number from 1",
    ],
    [
      "a stream without batches",
      { samples: 1, inputShape: [1], targetShape: [], batches: 1 },
      "returned a stream without `batches`",
    ],
    [
      "a stream without shapes",
      { samples: 1, inputShape: 3, targetShape: [], batches: () => [] },
      "returned a stream whose `inputShape` or `targetShape` is not a list of sizes",
    ],
  ];
  test.each(bad)("is refused where it is %s", async (_, returned, problem) => {
    const error = await refusalOf(() => loadBy(async () => returned, { folder }));
    expect(error).toMatchObject({ code: "failed-precondition", retry: "never" });
    expect(error.message).toBe(`The owner's loader mine 1.2.3 ${problem}.`);
    expect(error.message).not.toContain(SECRET);
  });

  test("is refused where it does not fit into the memory, up to the last value", async () => {
    // 5 % of 128 MiB: 1,677,721 values.
    const room = Math.floor((128 * 2 ** 20 * 0.05) / 4);
    const sized = (count: number) => async () => ({
      x: { shape: [1, count - 1], values: new Float32Array(count - 1) },
      y: { shape: [1], values: [0] },
    });
    expect(inMemory(await loadBy(sized(room), { folder, memoryMib: 128 })).x.values.length).toBe(room - 1);
    const error = await refusalOf(() => loadBy(sized(room + 1), { folder, memoryMib: 128 }));
    expect(error).toMatchObject({ code: "too-large" });
    expect(error.message).toMatch(/return a stream, or give the function more memory/);
  });

  test("counts the rows that it has left out", async () => {
    const refused = [{ reason: "no-consent", rows: 3, firstRow: 0 }];
    const data = await loadBy(async () => ({ ...two, refused }), { folder });
    expect(data.facts).toEqual({ rows: 5, refused, dropped: 0 });
  });
});

describe("what a loader says", () => {
  const thrown: readonly [string, () => unknown][] = [
    [
      "an error",
      () => {
        throw new Error(SECRET);
      },
    ],
    [
      "an error of ours that it has made itself",
      () => {
        throw Object.assign(new Error(SECRET), { code: "unavailable", retry: "soon" });
      },
    ],
    [
      "a text",
      () => {
        throw SECRET;
      },
    ],
    [
      "an object that cannot be shown",
      () => {
        throw Object.create(null);
      },
    ],
    ["a rejection later on", () => Promise.reject(new Error(SECRET))],
  ];
  test.each(thrown)("stays in the owner's log: %s", async (_, loader) => {
    const log = keptLog();
    const error = await refusalOf(() => loadBy(loader, { folder, log }));
    expect(error).toMatchObject({ code: "failed-precondition", retry: "never" });
    expect(error.cause).toBeUndefined();
    expect(error.message).toBe("The owner's loader mine 1.2.3 failed: see the owner's log.");
    expect(log.lines).toMatchObject([{ level: "error", message: "the owner's code failed" }]);
    expect(log.lines[0]?.fields["error"]).toBeInstanceOf(Error);
  });

  test("by `metric` is kept by name, and what is no metric is left out with one warning", async () => {
    const log = keptLog();
    const data = await loadBy(
      async (input: LoaderInput) => {
        for (let i = 0; i < 40; i++) input.log.metric(`m${i}`, i);
        input.log.metric("m0", 7);
        input.log.metric("__proto__", 1);
        input.log.metric(SECRET.repeat(4), 1);
        input.log.metric("nan", Number.NaN);
        input.log.metric("nan", Number.POSITIVE_INFINITY);
        input.log.info("read", { rows: 2 });
        return two;
      },
      { folder, log },
    );
    const metrics = data.metrics?.() ?? {};
    expect(Object.keys(metrics)).toHaveLength(32);
    expect(metrics["m0"]).toBe(7);
    expect(log.lines.map(({ message }) => message)).toEqual([
      "a metric is left out",
      "a metric is left out",
      "a metric is left out",
      "read",
    ]);
  });

  test("too late is not waited for", async () => {
    const signal = AbortSignal.timeout(30);
    const error = await refusalOf(() => loadBy(() => new Promise(() => undefined), { folder, signal }));
    expect(error).toMatchObject({ code: "deadline-exceeded", retry: "never" });
    expect(error.message).toBe("The owner's loader mine 1.2.3 did not end in time.");
    const again = await refusalOf(() => loadBy(async () => two, { folder, signal }));
    expect(again).toMatchObject({ code: "deadline-exceeded" });
  });
});

describe("a stream", () => {
  const counting = (samples: number, given = samples): LoadedStream => ({
    samples,
    inputShape: [2],
    targetShape: [],
    async *batches(size, random) {
      const order = random.order(given);
      for (let start = 0; start < given; start += size) {
        const places = [...order.subarray(start, start + size)];
        yield {
          x: { shape: [places.length, 2], values: places.flatMap((place) => [place, -place]) },
          y: { shape: [places.length], values: places.map((place) => place % 3) },
        };
      }
    },
  });

  test("gives each sample once, with the first ones always the same", async () => {
    const data = streaming(await loadBy(async () => counting(1_000), { folder }));
    expect([data.x.shape, data.y.shape]).toEqual([[1_000, 2], [1_000]]);
    expect(data.first.x.shape).toEqual([128, 2]);
    const again = streaming(await loadBy(async () => counting(1_000), { folder }));
    expect(again.first).toEqual(data.first);
    const batches = await all(data.batches(300, randomFrom(1)));
    expect(batches.map(({ x }) => x.shape[0])).toEqual([300, 300, 300, 100]);
    const numbers = batches.flatMap(({ x }) => [...x.values].filter((_, i) => i % 2 === 0));
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 1_000 }, (_, i) => i));
  });

  test("is read one batch ahead, and ended where it is not read on", async () => {
    let [asked, ended] = [0, 0];
    const data = streaming(
      await loadBy(
        async () => ({
          ...counting(10),
          async *batches() {
            try {
              for (;;) {
                asked++;
                yield { x: { shape: [1, 2], values: [1, 2] }, y: { shape: [1], values: [0] } };
              }
            } finally {
              ended++;
            }
          },
        }),
        { folder },
      ),
    );
    await expect.poll(() => ended).toBe(1); // What the first samples are of.
    asked = 0;
    for await (const _ of data.batches(1, randomFrom(1))) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(asked).toBe(2);
      break;
    }
    await expect.poll(() => ended).toBe(2);
  });

  const wrong: readonly [string, LoadedStream, RegExp][] = [
    ["fewer samples", counting(9, 7), /gave 7 samples and not the 9 that its stream says/],
    ["more samples", counting(7, 9), /gave more samples than the 7 that its stream says/],
    [
      "larger batches",
      { ...counting(200), batches: (_, random) => counting(200).batches(200, random) },
      /gave a batch of 200 samples where 128 were asked for/,
    ],
    [
      "other shapes",
      { ...counting(9), inputShape: [2, 1] },
      /gave a batch whose samples or labels have another shape/,
    ],
    ["nothing", counting(9, 0), /gave 0 samples and not the 9/],
  ];
  test.each(wrong)("that gives %s is refused", async (_, stream, problem) => {
    const read = async () =>
      all(streaming(await loadBy(async () => stream, { folder })).batches(128, randomFrom(1)));
    const error = await refusalOf(read);
    expect(error).toMatchObject({ code: "failed-precondition", retry: "never" });
    expect(error.message).toMatch(problem);
  });

  test("that fails while it is read says so in our words", async () => {
    const log = keptLog();
    let calls = 0;
    const failing: LoadedStream = {
      ...counting(300),
      async *batches(size, random) {
        yield* counting(300).batches(size, random);
        if (calls++ > 0) throw new Error(SECRET);
      },
    };
    const data = streaming(await loadBy(async () => failing, { folder, log }));
    await all(data.batches(100, randomFrom(1)));
    const error = await refusalOf(() => all(data.batches(100, randomFrom(1))));
    expect(error.message).toBe("The owner's loader mine 1.2.3 failed: see the owner's log.");
  });
});

test("the example reads its records, counts the bad ones and streams the good ones", async () => {
  const count = 10_000;
  const bytes = Buffer.alloc(count * 17);
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < 8; j++) bytes.writeInt16LE(i - j, i * 17 + 2 * j);
    bytes.writeUInt8(i % 1_000 === 11 ? 255 : i % 4, i * 17 + 16);
  }
  const records = mkdtempSync(join(folder, "records-"));
  writeFileSync(join(records, "a.ecg"), bytes.subarray(0, 17 * 6_000));
  writeFileSync(join(records, "b.ecg"), bytes.subarray(17 * 6_000));
  const data = streaming(await loadBy(ecg, { folder: records }));
  expect(data.facts).toEqual({
    rows: count,
    refused: [{ reason: "not-a-class", rows: 10, firstRow: 11 }],
    dropped: 0,
  });
  expect(data.metrics?.()).toEqual({ recordsPerBlock: count / 3 });
  const batches = await all(data.batches(512, randomFrom(1)));
  const first = batches.flatMap(({ x }) =>
    [...x.values].filter((_, i) => i % 8 === 0).map((v) => v * 32_768),
  );
  expect(first.length).toBe(count - 10);
  expect(new Set(first).size).toBe(count - 10);
});
