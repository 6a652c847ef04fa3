// Native TensorFlow computes with as many threads as its instance has vCPUs: more would wait for one another.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const run = promisify(execFile);
const trainer = new URL("../../../shared/cloud/tensors/loadTrainer.ts", import.meta.url).href;
const tensors = new URL("../../../shared/cloud/tensors/loadTensors.ts", import.meta.url).href;

/** The threads that compute in a process with such an instance's trainer. */
async function threads(vcpu: number | undefined, env: Record<string, string> = {}): Promise<number> {
  const code = `
    import { readdirSync, readFileSync } from "node:fs";
    const { trainerOf } = await import(${JSON.stringify(trainer)});
    const env = { TRAINER: "tensorflow", TENSORS: "native", VCPU: ${vcpu} };
    await trainerOf(env, console)();
    const { tf } = await (await import(${JSON.stringify(tensors)})).loadTensors({ prefer: "native" });
    tf.matMul(tf.ones([300, 300]), tf.ones([300, 300])).dataSync();
    const names = readdirSync("/proc/self/task").map((id) => readFileSync("/proc/self/task/" + id + "/comm", "utf8"));
    console.log(names.filter((name) => name.startsWith("tf_Compute")).length);`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", code], {
    env: { PATH: process.env["PATH"] ?? "", ...env },
  });
  return Number(stdout);
}

const isHere = process.platform === "linux" && process.arch === "x64";

describe.skipIf(!isHere)("threads of native TensorFlow", () => {
  it.each([
    [1, 1],
    [0.5, 1],
    [3, 3],
  ])("of an instance with %s vCPU: %s", async (vcpu, wanted) => {
    expect(await threads(vcpu)).toBe(wanted);
  });

  it("are as many as its own variable says", async () => {
    expect(await threads(1, { TF_NUM_INTEROP_THREADS: "2" })).toBe(2);
  });
});
