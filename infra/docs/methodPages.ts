// docs/methods: a page for each method, made of its face and of the words in its folder, and a list of all.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import type { Face } from "../../shared/core/methods/face.ts";
import { aggregationFaces } from "../../shared/core/methods/registry/aggregationFaces.ts";
import { relayFaces } from "../../shared/core/methods/registry/relayFaces.ts";
import { selectionFaces } from "../../shared/core/methods/registry/selectionFaces.ts";
import { trainingFaces } from "../../shared/core/methods/registry/trainingFaces.ts";
import { updateFaces } from "../../shared/core/methods/registry/updateFaces.ts";
import { optionRows } from "./optionRows.ts";
import { table } from "./specReference.ts";

interface Kind {
  readonly name: string;
  readonly title: string;
  /** Where its options stand in a spec. */
  readonly place: string;
  readonly faces: readonly Face[];
}

const KINDS: readonly Kind[] = [
  { name: "selection", title: "Selection: who is invited", place: "selection", faces: selectionFaces },
  {
    name: "aggregation",
    title: "Aggregation: how updates become a version",
    place: "aggregation",
    faces: aggregationFaces,
  },
  {
    name: "relay",
    title: "Relays: who passes the model on to whom",
    place: "round.relay",
    faces: relayFaces,
  },
  { name: "training", title: "Training: what clients do", place: "training", faces: trainingFaces },
  { name: "update", title: "Updates: how they travel, and what bounds them", place: "", faces: updateFaces },
];

const MADE = "<!-- made by npm run docs from the method's folder: do not edit -->";

/** The text of each page by its name in docs/methods. */
export function methodPages(root: string): ReadonlyMap<string, string> {
  const pages = KINDS.flatMap((kind) =>
    kind.faces.map((face): [string, string] => [`${face.name}.md`, pageOf(root, kind, face)]),
  );
  return new Map([...pages, ["README.md", listOf()]]);
}

function pageOf(root: string, { name: kind, place }: Kind, face: Face): string {
  const folder = join(root, "shared", "core", "methods", kind, face.name);
  const about = join(folder, "about.md");
  const words = existsSync(about) ? [readFileSync(about, "utf8").trim()] : [];
  const prefix = face.name === "norm-bound" ? "aggregation.norm" : isTransform(face) ? "transforms[]" : place;
  const rows = optionRows(z.toJSONSchema(face.options, { io: "input" }))
    .filter(({ path }) => face.name === "norm-bound" || !sharedPaths(kind).has(path.split(".")[0] ?? ""))
    .map((row) => ({ ...row, path: prefix === "" ? row.path : `${prefix}.${row.path}` }));
  return [
    MADE,
    "",
    `# ${face.title}`,
    "",
    ...(face.paper === null ? [] : [`${face.paper}.`, ""]),
    ...words.flatMap((text) => [text, ""]),
    "## A spec",
    "",
    "```json",
    readFileSync(join(folder, "example.json"), "utf8").trim(),
    "```",
    "",
    "## Options",
    "",
    table(rows),
    "",
    `Its code is in [shared/core/methods/${kind}/${face.name}](../../shared/core/methods/${kind}/${face.name}/index.ts). What methods of its`,
    "kind have in common is in [the spec's reference](../spec.md).",
    "",
  ].join("\n");
}

function isTransform({ options }: Face): boolean {
  return options instanceof z.ZodObject && "transform" in options.shape;
}

/** Options that all methods of a kind have, where there are several. */
function sharedPaths(kind: string): ReadonlySet<string> {
  const { faces = [] } = KINDS.find(({ name }) => name === kind) ?? {};
  const keys = faces.map(({ options }) => (options instanceof z.ZodObject ? Object.keys(options.shape) : []));
  const [first = []] = keys;
  const shared = first.filter((key) => keys.length > 1 && keys.every((others) => others.includes(key)));
  return new Set(shared.filter((key) => key !== "strategy" && key !== "encoding" && key !== "method"));
}

function listOf(): string {
  const parts = KINDS.filter(({ faces }) => faces.length > 0).flatMap(({ title, faces }) => [
    `## ${title}`,
    "",
    ...faces.map(
      ({ name, title: named, paper }) =>
        `- [${named}](${name}.md), \`${name}\`${paper === null ? "" : `: ${paper}`}`,
    ),
    "",
  ]);
  return [MADE, "", "# Methods", "", ...parts].join("\n");
}
