// What data take of a function's memory, measured on a process of its own: for every type of values and every
// way of bringing them, in training and in scoring, and what becomes of those that do not fit.
import { fork } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  createReadStream,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Dtype, itemBytes } from "../../shared/core/updates/safetensors.ts";
import type { DataJob, DataMeasured } from "../support/dataReader.ts";
import { completeEnvironment } from "../support/functionEnvironment.ts";

/** As float32, samples and labels together. */
const DECODED_MIB = 48;
/** What a function takes of which data are no part: Node, and the libraries that it has loaded. */
const FIXED_MIB = 300;
const MIB = 2 ** 20;

vi.setConfig({ testTimeout: 120_000 });

let folder: string;
let server: Server;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "fedstratus memory-"));
  // A bucket of the files in the folder, and the metadata server that the token for it comes from.
  server = createServer((request, response) => {
    if (request.url?.startsWith("/computeMetadata/") === true) {
      response.end(JSON.stringify({ access_token: "token", expires_in: 3_600 }));
      return;
    }
    const name = decodeURIComponent(/\/o\/([^?]+)/.exec(request.url ?? "")?.[1] ?? "");
    const path = join(folder, name);
    const { size } = statSync(path);
    if (request.url?.includes("fields=") === true) {
      response.end(JSON.stringify({ name, size: String(size), generation: "1" }));
      return;
    }
    const { range } = request.headers;
    const [, begin = "0", last = String(size - 1)] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
    const [start, end] = [Number(begin), Number(last)];
    response.writeHead(range === undefined ? 200 : 206, {
      "content-length": end + 1 - start,
      "x-goog-generation": "1",
    });
    // Nobody has to read to the end.
    pipeline(createReadStream(path, { start, end }), response).catch(() => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

interface Written {
  readonly dtype: Dtype;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly features: number;
  /** Of one sample's labels: none for class numbers. */
  readonly labels?: readonly number[];
  readonly decodedMib?: number;
}

/**
 * Zeros, which every type has: the file is a hole that takes no time to write, and its values take memory
 * like any others.
 */
function write({ dtype, metadata = {}, features, labels = [], decodedMib = DECODED_MIB }: Written): string {
  const width = labels.reduce((product, size) => product * size, 1);
  const samples = Math.max(
    4,
    Math.floor((decodedMib * MIB) / Float32Array.BYTES_PER_ELEMENT / (features + width)),
  );
  const [ofX, ofY] = [samples * features * itemBytes[dtype], samples * width * itemBytes[dtype]];
  const header = JSON.stringify({
    __metadata__: metadata,
    x: { dtype, shape: [samples, features], data_offsets: [0, ofX] },
    y: { dtype, shape: [samples, ...labels], data_offsets: [ofX, ofX + ofY] },
  });
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const path = join(folder, "clinic-07.safetensors");
  writeFileSync(path, Buffer.concat([length, Buffer.from(header)]));
  truncateSync(path, length.length + header.length + ofX + ofY);
  if (labels.length > 0 && dtype === "U8") {
    const file = openSync(path, "r+");
    // One-hot: every row is of the first class.
    writeSync(
      file,
      Buffer.alloc(ofY, Buffer.from([1, ...new Array(width - 1).fill(0)])),
      0,
      ofY,
      length.length + header.length + ofX,
    );
    closeSync(file);
  }
  return path;
}

const ways = ["file", "gs"] as const;
type Way = (typeof ways)[number];

async function measure(
  job: DataJob,
  way: Way,
  memoryMib = 2_048,
  variables: Readonly<Record<string, string>> = {},
): Promise<DataMeasured> {
  const { port } = server.address() as AddressInfo;
  const template = way === "gs" ? "gs://data/" : `${pathToFileURL(folder).href}/`;
  const reader = fork(
    fileURLToPath(new URL("../support/dataReader.ts", import.meta.url)),
    [JSON.stringify(job)],
    {
      env: {
        ...process.env,
        ...completeEnvironment,
        MEMORY_MIB: String(memoryMib),
        CLIENT_DATA: `${template}{clientId}.safetensors`,
        EVALUATION_DATA: `${template}clinic-07.safetensors`,
        STORAGE_API_ENDPOINT: `http://127.0.0.1:${port}`,
        GCE_METADATA_HOST: `127.0.0.1:${port}`,
        ...variables,
      },
    },
  );
  const exited = once(reader, "exit");
  const failed = exited.then(async ([code]) => {
    // Its message may be on its way yet.
    if (code === 0) await sleep(10_000, undefined, { ref: false });
    throw new Error(`It ended with ${code}.`);
  });
  failed.catch(() => undefined);
  const [measured] = await Promise.race([once(reader, "message"), failed]);
  await exited;
  return measured;
}

const dtypes = Object.keys(itemBytes) as Dtype[];
const options = { divisor: "255", classes: "10" };
const functions = ["client", "evaluator"] as const;
/** Pieces of the file that are no longer referenced, and that the engine has not collected yet. */
const PASSING_MIB = 80;
/** Batches that are done with, likewise: no more of them for more data. */
const BATCHES_MIB = 140;

// Only Linux reports a process's peak memory.
describe.runIf(process.platform === "linux")("memory", () => {
  describe("of bringing data", () => {
    const reads = dtypes.flatMap(
      (dtype, i): [Dtype, Way, DataJob["function"], Written["metadata"] & {}][] => {
        const [one = "client", other = "evaluator"] = i % 2 === 0 ? functions : functions.toReversed();
        return [
          [dtype, "file", one, options],
          [dtype, "gs", other, {}],
        ];
      },
    );
    reads.push(
      ["F64", "gs", "client", options],
      ["F64", "gs", "evaluator", options],
      ["U8", "gs", "client", options],
    );

    const bare = new Map<string, number>();
    /** What the process takes for a few samples. */
    const bareOf = async (name: DataJob["function"], way: Way) => {
      const known = bare.get(`${name} ${way}`);
      if (known !== undefined) return known;
      write({ dtype: "F32", features: 16, decodedMib: 0 });
      const { peakMib } = await measure({ function: name }, way);
      bare.set(`${name} ${way}`, peakMib);
      return peakMib;
    };

    test.each(functions)("a few samples to the %s", async (name) => {
      for (const way of ways) expect(await bareOf(name, way)).toBeLessThan(FIXED_MIB - PASSING_MIB);
    });

    test.each(reads)("%s by %s to the %s, %o", async (dtype, way, name, metadata) => {
      const least = await bareOf(name, way);
      write({ dtype, features: 16, metadata });
      const { peakMib, refusal } = await measure({ function: name }, way);
      expect(refusal).toBeNull();
      expect(peakMib).toBeLessThan(least + 2 * DECODED_MIB + PASSING_MIB);
      expect(peakMib).toBeGreaterThan(DECODED_MIB);
    });
  });

  describe("of training and scoring", () => {
    type Form = [string, Partial<Written>, DataJob["model"] & {}];
    const forms: Form[] = [
      ["class numbers", {}, { loss: "sparseCategoricalCrossentropy", inputs: 256, outputs: 10 }],
      ["a column", { labels: [1] }, { loss: "sparseCategoricalCrossentropy", inputs: 256, outputs: 10 }],
      ["one-hot", { labels: [100] }, { loss: "sparseCategoricalCrossentropy", inputs: 100, outputs: 100 }],
      ["class numbers", {}, { loss: "categoricalCrossentropy", inputs: 64, outputs: 200 }],
      ["one-hot", { labels: [100] }, { loss: "categoricalCrossentropy", inputs: 100, outputs: 100 }],
      ["flat", {}, { loss: "binaryCrossentropy", inputs: 256, outputs: 1 }],
      ["a column", { labels: [1] }, { loss: "meanSquaredError", inputs: 256, outputs: 1 }],
      [
        "many small samples",
        {},
        { loss: "sparseCategoricalCrossentropy", inputs: 1, outputs: 2, batchSize: 65_536 },
      ],
    ];

    const fewest = new Map<string, number>();
    const rows = forms.flatMap(([labels, written, model]) =>
      functions
        .filter(
          (name) =>
            name === "client" || (model.loss === "categoricalCrossentropy" && labels === "class numbers"),
        )
        .map((name) => ({ labels, written, model, name })),
    );

    test.each(rows)("$labels, $model.loss, in the $name", async ({ written, model, name }) => {
      const peakOf = async (decodedMib: number) => {
        write({ dtype: "U8", features: model.inputs, ...written, decodedMib });
        const { peakMib, refusal } = await measure({ function: name, model }, "file");
        expect(refusal).toBeNull();
        return peakMib;
      };
      const few = fewest.get(name) ?? (await peakOf(1));
      fewest.set(name, few);
      expect(await peakOf(DECODED_MIB)).toBeLessThan(few + 2 * DECODED_MIB + BATCHES_MIB);
    });

    test.each(ways.flatMap((way) => functions.map((name) => [way, name] as const)))(
      "all that it holds by %s, the %s can work on, and what is more it streams",
      async (way, name) => {
        const memoryMib = 720;
        const model = { loss: "sparseCategoricalCrossentropy", inputs: 4_096, outputs: 10 } as const;
        // There is room for 120 MiB.
        for (const decodedMib of [120, 122, 240]) {
          write({ dtype: "F64", features: model.inputs, metadata: options, decodedMib });
          const { peakMib, refusal } = await measure({ function: name, model }, way, memoryMib);
          expect(refusal).toBeNull();
          expect(peakMib, `${decodedMib} MiB`).toBeLessThan(memoryMib);
        }
      },
    );

    test("a table that is many times larger than the memory left for it is trained on in 512 MiB", async () => {
      const columns = Array.from({ length: 16 }, (_, i) => `c${i}`);
      const features = { kind: "table", inputs: ["c*"], target: "label" };
      writeFileSync(join(folder, "features.json"), JSON.stringify(features));
      const model = { loss: "meanSquaredError", inputs: 16, outputs: 1, batchSize: 4_096 } as const;
      const peakOf = async (sizeMib: number, heap: string) => {
        const row = `${columns.map((_, i) => (i / 7).toFixed(4)).join(",")},0.5\n`;
        const block = row.repeat(Math.floor(MIB / row.length));
        const file = openSync(join(folder, "clinic-07.csv"), "w");
        writeSync(file, `${columns.join(",")},label\n`);
        for (let i = 0; i < sizeMib; i++) writeSync(file, block);
        closeSync(file);
        const variables = {
          CLIENT_DATA: `${pathToFileURL(folder).href}/{clientId}.csv`,
          CLIENT_FEATURES: `${pathToFileURL(folder).href}/features.json`,
          NODE_OPTIONS: heap,
        };
        const { peakMib, refusal } = await measure({ function: "client", model }, "file", 512, variables);
        expect(refusal).toBeNull();
        return peakMib;
      };
      // The room is 5 % of the memory, 25 MiB; both are streams. The heap is small, as in a small container:
      // without a bound, V8 leaves more garbage where the machine has more memory.
      const heap = "--max-old-space-size=96 --max-semi-space-size=4";
      const [small, large] = [await peakOf(24, heap), await peakOf(64, heap)];
      expect(large).toBeLessThan(512);
      expect(large).toBeLessThan(small + 48);
    }, 300_000);
  });
});
