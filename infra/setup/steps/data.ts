// Set-up step: the Fashion-MNIST images (Xiao, Rasul, Vollgraf 2017), kept in .cache.
import { dataFolder, fashionMnistFiles } from "../../data/fashionMnistFiles.ts";
import { showStep } from "../progress.mjs";
import { requireWritable } from "../writable.mjs";
import { fetchFromDebian } from "./dataFromDebian.ts";
import { fetchFromWeb } from "./dataFromWeb.ts";
import { areVerified, type DataSource, obtainFiles } from "./verifiedFiles.ts";

const sources: readonly DataSource[] = [
  { name: "the Debian package dataset-fashion-mnist", fetch: fetchFromDebian },
  { name: "the data set's own address", fetch: fetchFromWeb },
];

/** Makes sure that the data set is there and whole; resolves to words for the last line of set-up. */
export async function ensureData(root: string): Promise<string> {
  const folder = dataFolder(root);
  if (!areVerified(folder, fashionMnistFiles)) {
    requireWritable(root, "the images of Fashion-MNIST are not there");
    await showStep(
      "Fetching Fashion-MNIST (31 MB)",
      (show) => obtainFiles(folder, fashionMnistFiles, sources, show),
      (source) => `from ${source}`,
    );
  }
  return "Fashion-MNIST, checksums verified";
}
