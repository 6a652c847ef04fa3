// Fashion-MNIST (Xiao, Rasul, Vollgraf 2017) as set-up has put it down: 60,000 training and 10,000 test
// images.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { FlError } from "../../shared/core/errors.ts";
import { type IdxArray, parseIdx } from "./idx.ts";
import type { LabelledImages } from "./images.ts";

const classes = 10;

/**
 * @param folder where set-up put the files: `dataFolder(root)` of fashionMnistFiles.ts
 * @throws FlError("failed-precondition") when a file is not there; as `parseIdx` for a broken one
 */
export async function loadFashionMnist(folder: string, part: "train" | "test"): Promise<LabelledImages> {
  const prefix = part === "train" ? "train" : "t10k";
  const [images, labels] = await Promise.all([
    readIdx(join(folder, `${prefix}-images-idx3-ubyte.gz`)),
    readIdx(join(folder, `${prefix}-labels-idx1-ubyte.gz`)),
  ]);
  const [count, height = 0, width = 0] = images.shape;
  if (images.shape.length !== 3 || count !== labels.shape[0]) {
    throw new FlError("data-loss", `The images [${images.shape}] and labels [${labels.shape}] do not fit.`);
  }
  return { height, width, classes, pixels: images.values, labels: labels.values };
}

async function readIdx(path: string): Promise<IdxArray> {
  let file: Uint8Array;
  try {
    file = await readFile(path);
  } catch (cause) {
    throw new FlError(
      "failed-precondition",
      `${path} cannot be read; set-up fetches it (node infra/setup/launch.mjs --with data -- COMMAND).`,
      { cause },
    );
  }
  return parseIdx(await promisify(gunzip)(file));
}
