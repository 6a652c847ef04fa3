// FedStratus from Python: the cells of the notebook, one after the other, on a run of the local cloud; and
// what the file beside it promises.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { modelSpec } from "../../shared/core/models/builtinModels.ts";
import { parameterShapes } from "../../shared/core/models/parameterShapes.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { Trainer } from "../../shared/core/ports/trainer.ts";
import { modelObject } from "../../shared/core/round/objects.ts";
import { asFloat32, decodeSafetensors } from "../../shared/core/updates/safetensors.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { readGuide } from "../support/guides.ts";
import { pythonWith } from "../support/pythonModules.ts";
import { eventually, registerClients } from "../support/scriptedClient.ts";
import { contributeTwoRounds, trainTwoRounds } from "../support/twoRounds.ts";

const { path: python, reason } = pythonWith("numpy");
const examples = fileURLToPath(new URL("../../examples/notebook/", import.meta.url));

interface Notebook {
  readonly nbformat: number;
  readonly cells: readonly {
    readonly cell_type: "code" | "markdown";
    readonly source: readonly string[];
    readonly outputs?: readonly unknown[];
    readonly execution_count?: number | null;
  }[];
}
const notebook: Notebook = JSON.parse(readFileSync(join(examples, "fedstratus.ipynb"), "utf8"));
const cells = notebook.cells.filter(({ cell_type: type }) => type === "code");

test("the notebook is committed without outputs", () => {
  expect(notebook.nbformat).toBe(4);
  expect(cells.length).toBeGreaterThan(8);
  for (const cell of cells) expect([cell.outputs, cell.execution_count]).toEqual([[], null]);
});

const scorer: Trainer = {
  backend: "script",
  describe: async () => parameterShapes(modelSpec("mnist-cnn")),
  train: () => Promise.reject(new Error("the evaluator does not train")),
  evaluate: async () => ({ accuracy: 0.5, loss: 1, metrics: {}, details: null, samples: 1 }),
};

const SPEC = {
  name: "for python",
  model: { builtin: "mnist-cnn" },
  selection: { strategy: "random", cohortSize: 4 },
  stop: { rounds: 2 },
};

describe.skipIf(python === null)(`from Python${reason}`, () => {
  let cloud: TestCloud;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "notebook-"));
    cloud = await startTestCloud({
      trainer: async () => scorer,
      evaluationData: async () => ({
        x: { shape: [1, 28, 28, 1], values: new Float32Array(784) },
        y: { shape: [1], values: new Float32Array(1) },
      }),
    });
    await registerClients(cloud, ["clinic-a", "clinic-b", "clinic-c", "clinic-d"]);
  });

  afterAll(async () => {
    await cloud.stop();
    await rm(folder, { recursive: true });
  });

  /** What a script prints; its last line as JSON. */
  async function run(
    script: string,
    env: Readonly<Record<string, string>> = {},
    args: readonly string[] = [],
  ) {
    const token = await cloud.token("operator", cloud.urls.api);
    const path = join(folder, "script.py");
    await writeFile(path, script);
    const { stdout } = await promisify(execFile)(python ?? "", [path, ...args], {
      env: {
        ...process.env,
        API_URL: cloud.urls.api,
        FEDSTRATUS_TOKEN: token,
        PYTHONPATH: examples,
        PYTHONDONTWRITEBYTECODE: "1",
        MPLBACKEND: "agg",
        ...env,
      },
      timeout: 60_000,
    });
    return stdout;
  }
  const json = async (
    script: string,
    env: Readonly<Record<string, string>> = {},
    args: readonly string[] = [],
  ) =>
    JSON.parse(
      (await run(`import json, fedstratus\n${script}`, env, args)).trimEnd().split("\n").at(-1) ?? "",
    );

  /** The only run of this name, when it is there. */
  const runNamed = (name: string) =>
    eventually(`the run ${name}`, async () => {
      const { items } = await cloud.store.listRuns({ limit: 100 });
      return items.find(({ spec }) => spec.name === name)?.runId ?? null;
    });

  test("the notebook's cells run one after the other, while its clients train", {
    timeout: 90_000,
  }, async () => {
    const script = cells.map(({ source }) => source.join("")).join("\n\n");
    const shown = run(
      `${script}\n\nprint(sorted(moved))\nprint(run.read()["status"], len(rounds), len(invocations))`,
    );
    await contributeTwoRounds(cloud, await runNamed("from a notebook"));
    const lines = (await shown).trimEnd().split("\n");
    expect(lines[0]).toMatch(/^invalid-argument \[.*'seed'.*\]$/);
    expect(lines.at(-1)).toBe("completed 2 8");
    expect(lines.at(-2)).toBe(
      JSON.stringify(
        parameterShapes(modelSpec("mnist-cnn"))
          .map(({ name }) => name)
          .toSorted(),
      )
        .replaceAll('"', "'")
        .replaceAll(",", ", "),
    );
  });

  test("the guide's script does, and its weights are the run's, to the bit", {
    timeout: 90_000,
  }, async () => {
    const [, script = ""] =
      /```python\n(import fedstratus\n[^`]+)```/.exec(readGuide("docs/export.md")) ?? [];
    // What takes a DataFrame works with pandas only.
    const plain = script.replace(/^run\.rounds\(\)\[\[.*$/m, "run.rounds()");
    expect(plain).not.toBe(script);
    const last =
      'print(run.run_id, {name: [list(a.shape), a.dtype.str, a.ravel()[:5].tolist()] for name, a in weights.items()}.__repr__().replace("\'", chr(34)), sep="\\t")';
    const shown = run(`${plain}\n${last}`);
    await contributeTwoRounds(cloud, await runNamed("from python"));
    const [runId = "", weights = ""] = (await shown).trimEnd().split("\n").at(-1)?.split("\t") ?? [];
    const best = (await cloud.store.get(refs.run(runId)))?.best?.version ?? -1;
    const { tensors } = decodeSafetensors(await cloud.objects.read(modelObject(runId, best)));
    const wanted = tensors.map((tensor) => [
      tensor.name,
      [tensor.shape, "<f4", [...asFloat32(tensor).subarray(0, 5)]],
    ]);
    expect(JSON.parse(weights)).toEqual(Object.fromEntries(wanted));
  });

  test("rounds and invocations are rows without pandas, and each page is read", async () => {
    const runId = await trainTwoRounds(cloud, SPEC);
    await writeFile(join(folder, "pandas.py"), "raise ImportError('not here')\n");
    const rows = await json(
      [
        "fedstratus.PAGE = 1",
        "run = fedstratus.connect().run(sys.argv[1])",
        "print(json.dumps([run.rounds(), run.invocations(), run.invocations(2), [r.run_id for r in fedstratus.connect().runs()]]))",
      ]
        .join("\n")
        .replace(/^/, "import sys\n"),
      {},
      [runId],
    );
    await rm(join(folder, "pandas.py"));
    const [rounds, invocations, second, runs] = rows;
    expect(rounds).toMatchObject([
      {
        round: 1,
        inTime: 4,
        wallMs: expect.any(Number),
        clientsUsd: expect.any(Number),
        metric_accuracy: 0.5,
      },
      { round: 2 },
    ]);
    expect(invocations).toHaveLength(8);
    expect(second).toMatchObject([
      { round: 2, clientId: "clinic-a", trainMs: 1_000, samples: 10 },
      {},
      {},
      {},
    ]);
    expect(runs).toContain(runId);
  });

  const { path: withPandas, reason: noPandas } = pythonWith("numpy", "pandas");
  test.skipIf(withPandas === null)(
    `rounds are a DataFrame with pandas${noPandas}`,
    { timeout: 60_000 },
    async () => {
      const runId = await runNamed(SPEC.name);
      const kinds = await json(
        "import sys\nrounds = fedstratus.connect().run(sys.argv[1]).rounds()\nprint(json.dumps({name: str(kind) for name, kind in rounds.dtypes.items()}))",
        {},
        [runId],
      );
      expect(kinds).toMatchObject({
        round: "int64",
        costUsd: "float64",
        openedAt: expect.stringMatching(/^datetime64.*UTC/),
      });
    },
  );

  test("errors have a code, words, and every problem", async () => {
    const told = await json(
      `
found = []
fed = fedstratus.connect()
for call in [
    lambda: fed.create({"name": "", "model": {"builtin": "none"}, "selection": {"strategy": "random", "cohortSize": 1}}),
    lambda: fed.run("nobody").read(),
    lambda: fed.run("a/../b").read(),
    lambda: fedstratus.connect(token="a.b.c").runs(),
    lambda: fedstratus.connect("ftp://x"),
    lambda: fedstratus.connect("http://127.0.0.1:9").runs(),
    lambda: fedstratus.read_safetensors(b"12"),
    lambda: fedstratus.read_safetensors((10**18).to_bytes(8, "little") + b"{}"),
]:
    try:
        call()
    except fedstratus.Error as error:
        found.append([error.code, error.status, len(error.problems) > 0, "secret" in str(error)])
print(json.dumps(found))`,
    );
    expect(told).toEqual([
      ["invalid-argument", 400, true, false],
      ["not-found", 404, false, false],
      ["invalid-argument", 400, true, false],
      ["unauthenticated", 401, false, false],
      ["invalid-argument", 0, false, false],
      ["unavailable", 0, false, false],
      ["data-loss", 0, false, false],
      ["data-loss", 0, false, false],
    ]);
  });

  test("safetensors of each type are read", async () => {
    const arrays = await json(`
import numpy, struct
def file(entries):
    header, data = {"__metadata__": {"a": "b"}}, b""
    for name, kind, shape, raw in entries:
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data
read = fedstratus.read_safetensors(file([
    ("f64", "F64", [1], struct.pack("<d", 0.5)), ("f16", "F16", [], struct.pack("<e", 1.5)),
    ("bf16", "BF16", [2], bytes([0x80, 0x3F, 0x00, 0xC0])), ("i64", "I64", [1, 1], struct.pack("<q", -7)),
    ("bool", "BOOL", [2], bytes([1, 0])), ("none", "F32", [0, 3], b"")]))
print(json.dumps({name: [array.tolist(), list(array.shape)] for name, array in read.items()}))`);
    expect(arrays).toEqual({
      f64: [[0.5], [1]],
      f16: [1.5, []],
      bf16: [[1, -2], [2]],
      i64: [[[-7]], [1, 1]],
      bool: [[true, false], [2]],
      none: [[], [0, 3]],
    });
  });

  test("without a token, that of the metadata server is taken, and kept", async () => {
    const host = process.env["GCE_METADATA_HOST"] ?? "";
    expect(host).not.toBe("");
    const told = await json(
      `
import base64
fed = fedstratus.connect()
tokens = [fed._token(fed.api), fed._token(fed.api)]
claims = json.loads(base64.urlsafe_b64decode(tokens[0].split(".")[1] + "=="))
print(json.dumps([tokens[0] == tokens[1], claims["aud"]]))`,
      { FEDSTRATUS_TOKEN: "" },
    );
    expect(told).toEqual([true, cloud.urls.api]);
  });

  describe("watching a run", () => {
    let proxy: Server;
    let isAway = false;
    /** Requests that found the api away. */
    let refused = 0;
    beforeAll(async () => {
      proxy = createServer((incoming, outgoing) => {
        if (isAway) {
          refused += 1;
          if (refused % 2 === 0) incoming.socket.destroy();
          else outgoing.writeHead(503, { "retry-after": "1" }).end("away");
          return;
        }
        const { hostname, port } = new URL(cloud.urls.api);
        const { url: path, method, headers } = incoming;
        const passed = request({ hostname, port, path, method, headers }, (answer) => {
          outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
          answer.pipe(outgoing);
        });
        incoming.pipe(passed);
      });
      await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    });
    afterAll(async () => {
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
    });

    test("goes on when the api was away, and ends with the run", { timeout: 60_000 }, async () => {
      const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
      const token = await cloud.token("operator", cloud.urls.api);
      const watched = json(
        `
import sys
run = fedstratus.connect(sys.argv[1]).create({"name": "watched", "model": {"builtin": "mnist-cnn"},
    "selection": {"strategy": "random", "cohortSize": 4}, "stop": {"rounds": 2}})
run.start()
seen = [[r["status"], r["round"]] for r in run.watch(seconds=0.05)]
print(json.dumps(seen))`,
        { FEDSTRATUS_TOKEN: token },
        [address],
      );
      const runId = await runNamed("watched");
      await eventually("round 1", () => cloud.store.get(refs.round(runId, 1)));
      isAway = true;
      await eventually("some calls that found it away", async () => (refused > 3 ? true : null));
      await contributeTwoRounds(cloud, runId);
      isAway = false;
      const seen: readonly (readonly [string, number])[] = await watched;
      expect(seen.at(-1)).toEqual(["completed", 2]);
      expect(seen.filter(([status]) => status === "completed")).toHaveLength(1);
    });
  });
});
