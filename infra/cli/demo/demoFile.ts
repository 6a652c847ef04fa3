// What a demo with a data folder remembers there, so that starting it again goes on with the same run.
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { FlError } from "../../../shared/core/errors.ts";

/** The options that decide what is trained, by which clients. */
const Shape = {
  strategy: z.array(z.string()).readonly(),
  rounds: z.number().int(),
  clients: z.number().int(),
  cohort: z.number().int(),
  stragglers: z.number().optional(),
  ownFunctions: z.boolean().default(false),
  seed: z.number().int(),
  aggregation: z.string().optional(),
  encoding: z.string().optional(),
  validation: z.number().optional(),
};
const DemoFile = z.strictObject({ ...Shape, runId: z.string() });
/** As the command line gives it; other options are ignored. */
const DemoShape = z.object(Shape);
export type DemoShape = z.infer<typeof DemoShape>;

/**
 * The run that the folder's demo is about, or null when it has none yet.
 *
 * @throws FlError("failed-precondition") when that demo was started with other options, ("data-loss") when
 *   its file is damaged
 */
export async function rememberedRun(folder: string, options: DemoShape): Promise<string | null> {
  const path = join(folder, "demo.json");
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (text === null) return null;
  const { runId, ...shape } = parse(path, text);
  const asked = DemoShape.parse(options);
  if (inWords(asked) !== inWords(shape)) {
    throw new FlError(
      "failed-precondition",
      `${folder} holds a demo that was started with ${inWords(shape)}: use the same, or another folder.`,
    );
  }
  return runId;
}

/** Appears whole or not at all. */
export async function rememberRun(folder: string, options: DemoShape, runId: string): Promise<void> {
  const path = join(folder, "demo.json");
  await writeFile(`${path}.new`, `${JSON.stringify({ ...DemoShape.parse(options), runId }, null, 2)}\n`);
  await rename(`${path}.new`, path);
}

function parse(path: string, text: string): z.infer<typeof DemoFile> {
  try {
    return DemoFile.parse(JSON.parse(text));
  } catch (cause) {
    throw new FlError("data-loss", `${path} is not what a demo writes: use another folder.`, { cause });
  }
}

function inWords(shape: DemoShape): string {
  const { strategy, rounds, clients, cohort, ownFunctions, stragglers, seed, aggregation, encoding } = shape;
  const also = { stragglers, aggregation, encoding, validation: shape.validation };
  const given = Object.entries(also).flatMap(([name, value]) =>
    value === undefined ? [] : ` --${name} ${value}`,
  );
  const own = ownFunctions ? " --own-functions" : "";
  return `--strategy ${strategy} --rounds ${rounds} --clients ${clients} --cohort ${cohort} --seed ${seed}${own}${given.join("")}`;
}
