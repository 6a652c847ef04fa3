// The demo's job with nobody slow, as a user runs it: its time, its memory, and beside it the same samples in
// one `fit` of Keras where a peer is asked for.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { FlError } from "../../../shared/core/errors.ts";
import { modelSpec } from "../../../shared/core/models/builtinModels.ts";
import { kerasModel } from "../../../shared/core/models/kerasModel.ts";
import { toLayersTopology } from "../../../shared/core/models/topology.ts";
import { DemoReport } from "../../cli/view/demoReport.ts";
import { dataFolder } from "../../data/fashionMnistFiles.ts";
import type { Bench, Figure } from "../bench.ts";
import { askKeras } from "../peer/kerasPeer.ts";

const ROUNDS = 10;
const CLIENTS = 20;
const COHORT = 8;
const SAMPLES_PER_CLIENT = 700;
const AIM = 2.2;
const MEMORY_AIM_GIB = 3.7;
const LOOK_MS = 500;
const GIB = 2 ** 30;

const root = fileURLToPath(new URL("../../../", import.meta.url));

export const job: Bench = {
  name: "job",
  about: "the demo's ten rounds with nobody slow; with --peer keras, beside the same samples in one fit",
  async run({ signal, show, peer }) {
    show(`${ROUNDS} rounds of the demo`);
    const { report, peakBytes } = await demo(signal);
    const figures: Figure[] = [
      {
        name: "ten rounds of the demo",
        value: report.wallSeconds,
        unit: "s",
        note: `accuracy ${report.accuracy?.toFixed(3)}, ${report.coldStarts} cold starts, start of the local cloud included`,
      },
      {
        name: "memory of all its processes",
        value: peakBytes / GIB,
        unit: "GiB",
        aim: { most: MEMORY_AIM_GIB },
        note: "the largest sum seen; what processes share counts with each",
      },
    ];
    if (peer !== "keras") return figures;
    const samples = ROUNDS * COHORT * SAMPLES_PER_CLIENT;
    show(`${samples} samples in Keras`);
    const topology = toLayersTopology(modelSpec("mnist-cnn"));
    const { seconds } = await askKeras(
      {
        job: "fit",
        model: kerasModel(topology),
        inputShape: [28, 28, 1],
        batch: 32,
        learningRate: 0.0015,
        images: join(dataFolder(root), "train-images-idx3-ubyte.gz"),
        labels: join(dataFolder(root), "train-labels-idx1-ubyte.gz"),
        images_used: CLIENTS * SAMPLES_PER_CLIENT,
        samples,
      },
      signal,
    );
    return [
      ...figures,
      { name: "Keras, one fit", value: seconds, unit: "s", note: "the same number of samples, all cores" },
      { name: "ours ÷ Keras", value: report.wallSeconds / seconds, unit: "x", aim: { most: AIM } },
    ];
  },
};

async function demo(signal: AbortSignal): Promise<{ report: DemoReport; peakBytes: number }> {
  const folder = await mkdtemp(join(tmpdir(), "fedstratus-job-"));
  try {
    const file = join(folder, "report.json");
    const options = `--rounds ${ROUNDS} --clients ${CLIENTS} --cohort ${COHORT} --stragglers 0`.split(" ");
    const program = join(root, "infra", "cli", "main.ts");
    const run = spawn(process.execPath, [program, "demo", ...options, "--out", file], {
      cwd: root,
      stdio: ["ignore", "ignore", "pipe"],
    });
    const said = text(run.stderr);
    const stop = () => run.kill("SIGINT");
    signal.addEventListener("abort", stop, { once: true });
    let code: number | null | undefined;
    const ended = once(run, "exit").then(([exit]) => {
      code = exit;
    });
    let peakBytes = 0;
    while (code === undefined) {
      peakBytes = Math.max(peakBytes, await memoryOfTree(run.pid ?? 0));
      await Promise.race([ended, sleep(LOOK_MS)]);
    }
    signal.removeEventListener("abort", stop);
    signal.throwIfAborted();
    if (code !== 0) {
      const why = (await said).trim().split("\n").at(-1) ?? "";
      throw new FlError("internal", `The demo ended with code ${code}: ${why}`);
    }
    return { report: DemoReport.parse(JSON.parse(await readFile(file, "utf8"))), peakBytes };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The resident memory of a process and all that it started, in bytes; Linux only, 0 elsewhere. */
async function memoryOfTree(pid: number): Promise<number> {
  if (process.platform !== "linux") return 0;
  const parents = new Map<number, number>();
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
    parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
  }
  const tree = new Set([pid]);
  for (const one of tree) for (const [child, parent] of parents) if (parent === one) tree.add(child);
  const sizes = [...tree].map(async (one) => {
    const rollup = await readFile(`/proc/${one}/smaps_rollup`, "utf8").catch(() => "");
    return Number(/^Rss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0) * 1024;
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
