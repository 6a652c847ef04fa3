// Keras beside us, in the same call of the bench: a process of the Python on the path that has it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { FlError } from "../../../shared/core/errors.ts";
import type { KerasModel } from "../../../shared/core/models/kerasModel.ts";

interface ModelJob {
  readonly model: KerasModel;
  /** Without the batch. */
  readonly inputShape: readonly number[];
  readonly batch: number;
  readonly learningRate: number;
}

/** Steps of `train_on_batch` on data that is drawn: tokens below `tokens`, or numbers from 0 to 1. */
export interface StepsJob extends ModelJob {
  readonly job: "steps";
  readonly classes: number;
  readonly tokens: number | null;
  readonly steps: number;
}

/** One `fit` over `samples` samples in all, of the first `images_used` of idx files. */
export interface FitJob extends ModelJob {
  readonly job: "fit";
  readonly images: string;
  readonly labels: string;
  readonly images_used: number;
  readonly samples: number;
}

const answers = { steps: z.object({ stepMs: z.number() }), fit: z.object({ seconds: z.number() }) };

/** TensorFlow's own variables: so many threads within an operation. */
export function threadsEnv(threads: number): NodeJS.ProcessEnv {
  return { TF_NUM_INTRAOP_THREADS: String(threads), TF_NUM_INTEROP_THREADS: String(threads) };
}

/**
 * @param threads that an operation may use; absent: as many as TensorFlow likes
 * @throws FlError("failed-precondition") with the last line that Python wrote, where it has no Keras, for
 *   instance
 */
export async function askKeras<Job extends StepsJob | FitJob>(
  job: Job,
  signal: AbortSignal,
  threads?: number,
): Promise<z.infer<(typeof answers)[Job["job"]]>> {
  const program = fileURLToPath(new URL("keras_peer.py", import.meta.url));
  const env = {
    ...process.env,
    KERAS_BACKEND: "tensorflow",
    TF_CPP_MIN_LOG_LEVEL: "3",
    ...(threads === undefined ? {} : threadsEnv(threads)),
  };
  const python = spawn("python3", [program], { env, signal, stdio: ["pipe", "pipe", "pipe"] });
  const ended = once(python, "close");
  python.stdin.on("error", () => {}); // It may have ended before it has read all; its code says why.
  python.stdin.end(JSON.stringify(job));
  const [output, errors, [code]] = await Promise.all([text(python.stdout), text(python.stderr), ended]);
  if (code !== 0) {
    const reason = errors.trim().split("\n").at(-1) ?? "";
    throw new FlError(
      "failed-precondition",
      `--peer keras needs a python3 on the PATH with keras and tensorflow (pip install keras tensorflow-cpu): ${reason}`,
    );
  }
  const schema: z.ZodType = answers[job.job];
  return schema.parse(JSON.parse(output.trim().split("\n").at(-1) ?? "")) as z.infer<
    (typeof answers)[Job["job"]]
  >;
}
