// Makes the data of this example: Fashion-MNIST as PNG files, a folder a class, spread over shops that sell
// some things more than others.
//   node prepare.ts [--clients 6] [--samples 300] [--test 1000] [--alpha 0.5] [--seed 1] [--out data]
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { encode } from "fast-png";
import { loadFashionMnist } from "../../infra/data/fashionMnist.ts";
import { dataFolder } from "../../infra/data/fashionMnistFiles.ts";
import type { LabelledImages } from "../../infra/data/images.ts";
import { dirichletParts } from "../../infra/data/partition/dirichlet.ts";
import { randomFrom } from "../../shared/core/random.ts";

/** In the order of the data set's class numbers; the features file has the same list. */
const CLASSES = [
  "t-shirt",
  "trouser",
  "pullover",
  "dress",
  "coat",
  "sandal",
  "shirt",
  "sneaker",
  "bag",
  "ankle-boot",
];

const { values } = parseArgs({
  options: {
    clients: { type: "string", default: "6" },
    samples: { type: "string", default: "300" },
    test: { type: "string", default: "1000" },
    alpha: { type: "string", default: "0.5" },
    seed: { type: "string", default: "1" },
    out: { type: "string", default: join(import.meta.dirname, "data") },
  },
});
const { out } = values;
const [clients = 0, samples = 0, tested = 0, seed = 0] = [
  values.clients,
  values.samples,
  values.test,
  values.seed,
].map(count);
const alpha = Number(values.alpha);

const images = dataFolder(join(import.meta.dirname, "..", ".."));
const [train, test] = await Promise.all([
  loadFashionMnist(images, "train"),
  loadFashionMnist(images, "test"),
]);

// Written beside and moved when it is whole: half of a data set is none.
const partial = `${out}.partial`;
await rm(partial, { recursive: true, force: true });
const parts = dirichletParts(train.labels, {
  clients,
  seed,
  alpha,
  samplesPerClient: samples,
  minSamples: Math.min(50, samples),
});
for (const [i, places] of parts.entries()) {
  await writeImages(join(partial, "clients", `shop-${i + 1}`), train, places);
}
const drawn = randomFrom(seed, "test").sample([...test.labels.keys()], Math.min(tested, test.labels.length));
await writeImages(join(partial, "test"), test, drawn);
await rm(out, { recursive: true, force: true });
await rename(partial, out);

const sizes = parts.map(({ length }) => length);
process.stdout.write(
  `${sizes.length} shops with ${Math.min(...sizes)} to ${Math.max(...sizes)} images, ` +
    `and ${drawn.length} to score on, in ${out}\n`,
);

function count(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new Error(`"${text}" is no count: use a whole number from 1.`);
}

/** One PNG an image, named after its place in the data set, in the folder of its class. */
async function writeImages(
  folder: string,
  { width, height, pixels, labels }: LabelledImages,
  places: readonly number[],
): Promise<void> {
  for (const name of CLASSES) await mkdir(join(folder, name), { recursive: true });
  for (const place of places) {
    const size = width * height;
    const data = pixels.subarray(place * size, (place + 1) * size);
    const png = encode({ width, height, channels: 1, depth: 8, data });
    const file = `${String(place).padStart(5, "0")}.png`;
    await writeFile(join(folder, CLASSES[labels[place] ?? 0] ?? "", file), png);
  }
}
