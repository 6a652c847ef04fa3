// The card of an exported model: a README whose head other tools read, as model hubs have it
// (https://huggingface.co/docs/hub/model-cards).
import { metricOf } from "../../../../shared/core/schemas/metric.ts";
import type { Run } from "../../../../shared/core/schemas/run.ts";
import type { ModelFormat } from "../formats.ts";
import { type CardFacts, MIN_SUMMED } from "./cardFacts.ts";

export interface CardInput {
  readonly run: Run;
  readonly version: number;
  readonly format: ModelFormat;
  readonly facts: CardFacts;
  /** Of this program. */
  readonly release: string;
  /** SHA-256 of the files beside the card. */
  readonly sha256: Readonly<Record<string, string>>;
}

export function modelCard(input: CardInput): string {
  return [
    ...head(input),
    "",
    `# ${plain(input.run.spec.name)}, version ${input.version}`,
    "",
    "Trained by federated learning with FedStratus: on data that stayed with their owners, of which this card knows only",
    "what the owners state and what the rounds counted.",
    "",
    ...section("Model", modelRows(input)),
    ...section("Training", trainingRows(input)),
    ...section("Data", dataRows(input)),
    ...scores(input),
    ...section("Privacy", privacyRows(input.run)),
    "## Limits",
    "",
    ...limits(input).map((limit) => `- ${limit}`),
    "",
    "## How to load it",
    "",
    ...LOADING[input.format],
    "",
    ...clients(input.facts),
    "## Files",
    "",
    "| file | SHA-256 |",
    "|---|---|",
    ...Object.entries(input.sha256).map(([name, sum]) => `| \`${name}\` | \`${sum}\` |`),
    "",
  ].join("\n");
}

const LIBRARIES: Readonly<Record<ModelFormat, string | null>> = {
  safetensors: null,
  tfjs: "tfjs",
  keras: "keras",
  npz: null,
};

/** YAML, whose strings are quoted as JSON has them. */
function head({ run, version, format, facts }: CardInput): readonly string[] {
  const library = LIBRARIES[format];
  const scored = Object.entries(facts.scores);
  return [
    "---",
    ...(library === null ? [] : [`library_name: ${library}`]),
    "tags:",
    "  - federated-learning",
    "  - fedstratus",
    ...(scored.length === 0
      ? []
      : [
          "model-index:",
          `  - name: ${quoted(`${run.spec.name}, version ${version}`)}`,
          "    results:",
          "      - task:",
          "          type: other",
          "        dataset:",
          `          name: ${quoted(testSet(run))}`,
          "          type: private",
          "        metrics:",
          ...scored.flatMap(([name, value]) => [
            `          - type: ${quoted(name)}`,
            `            value: ${yamlNumber(value)}`,
          ]),
        ]),
    "---",
  ];
}

type Rows = readonly (readonly [what: string, value: string])[];

function section(title: string, rows: Rows): readonly string[] {
  return [
    `## ${title}`,
    "",
    "| | |",
    "|---|---|",
    ...rows.map(([what, value]) => `| ${what} | ${value} |`),
    "",
  ];
}

function modelRows({ run, version }: CardInput): Rows {
  const { model } = run;
  const { model: named } = run.spec;
  const built = "builtin" in named ? `built in, ${code(named.builtin)}` : "its owner's own";
  const { from } = named.weights ?? {};
  return [
    ["run", code(run.runId)],
    ["version", version === 0 ? "0, the initial weights: nothing was trained" : String(version)],
    ["architecture", built],
    ...(from === undefined
      ? []
      : [["began with", `version ${from.version} of run ${code(from.runId)}`] as const]),
    ["parameters", model === null ? "unknown" : count(model.parameterCount)],
  ];
}

function trainingRows({ run, facts, release }: CardInput): Rows {
  const { spec, totals } = run;
  const { method, ...options } = spec.training;
  return [
    ["rounds", `${count(facts.rounds)}, ${count(facts.degraded)} of them with too few updates`],
    ["clients that contributed", count(facts.contributors)],
    ["updates", count(facts.updates)],
    ["updates in time / clients invoked (EUR)", run.eur === null ? "unknown" : run.eur.toFixed(3)],
    ["cost of the whole run", `${totals.costUsd.toFixed(5)} USD, estimated from the time of every call`],
    ["time of the whole run", `${(totals.wallMs / 1_000).toFixed(0)} s`],
    ["selection", code(JSON.stringify(spec.selection))],
    ["aggregation", code(JSON.stringify(spec.aggregation))],
    ["local training", code(JSON.stringify({ method, ...options }))],
    ["encoding of updates", code(spec.encoding)],
    ["seed", String(spec.seed)],
    ["exported by", `FedStratus ${plain(release)}`],
  ];
}

function dataRows({ facts }: CardInput): Rows {
  const hidden = `not told: fewer than ${MIN_SUMMED} clients`;
  const sum = (value: number | null) => (value === null ? hidden : count(value));
  return [
    ["samples that the clients' last updates counted for, together", sum(facts.samples)],
    ["samples that their owners state, together", sum(facts.statedSamples)],
    ["classes that their owners state, at most", sum(facts.statedClasses)],
  ];
}

/** What scores were measured on, in words. */
function testSet({ spec }: Run): string {
  const { evaluation, data } = spec;
  const named = evaluation?.data ?? data;
  return named === undefined ? "the federation's test set" : `the federation's test set ${named}`;
}

function scores({ run, facts }: CardInput): readonly string[] {
  const scored = Object.entries(facts.scores);
  const lines = ["## Scores", ""];
  if (scored.length === 0) {
    const why = facts.unscoredReason === null ? "" : `: ${plain(facts.unscoredReason)}`;
    lines.push(`This version has no score on a test set${why}.`, "");
  } else {
    const by = facts.scoringBackend === null ? "" : ` by ${plain(facts.scoringBackend)}`;
    lines.push(
      `On ${plain(testSet(run))}, measured${by}. The run's own metric is ${code(metricOf(run.spec))}.`,
      "",
    );
    lines.push("| metric | value |", "|---|---|");
    for (const [name, value] of scored) lines.push(`| ${plain(name)} | ${figure(value)} |`);
    lines.push("");
  }
  const { federated } = facts;
  if (federated === null) return lines;
  lines.push(
    `By ${count(federated.clients)} clients, each on rows that it does not train on, ${count(federated.samples)} in all:`,
    "",
    "| metric | mean | worst tenth of clients | spread between clients |",
    "|---|---|---|---|",
  );
  for (const [name, { mean, worstDecile, spread }] of Object.entries(federated.metrics)) {
    const worst = worstDecile === undefined ? "" : figure(worstDecile);
    lines.push(`| ${plain(name)} | ${figure(mean)} | ${worst} | ${figure(spread)} |`);
  }
  lines.push("");
  return lines;
}

function privacyRows({ spec }: Run): Rows {
  const transforms = spec.transforms ?? [];
  const bounds = spec.aggregation.norm === undefined ? "none" : code(JSON.stringify(spec.aggregation.norm));
  return [
    ["differential privacy", "none"],
    ["secure aggregation", "none: the operator of the federation can read each client's updates"],
    ["changes to updates", transforms.length === 0 ? "none" : code(JSON.stringify(transforms))],
    ["bounds on updates", bounds],
  ];
}

function limits({ run, version, facts }: CardInput): readonly string[] {
  const local = run.spec.training.local;
  return [
    "What a model learns from federated data may be found in it again: without differential privacy nothing bounds that.",
    "It is as good as its clients' data are like those that it is to be used on; who took part is above, in figures only.",
    ...(version === 0 ? ["These are initial weights."] : []),
    ...(facts.degraded > 0
      ? [`${count(facts.degraded)} of its rounds had too few updates, and carried the model over.`]
      : []),
    ...(local === undefined
      ? []
      : [
          `Each client trains these layers for itself, and this file has them as they were at the start: ${code(JSON.stringify(local))}.`,
        ]),
    "A file holds no optimizer: training goes on from the weights, with averages of gradients anew.",
  ];
}

const LOADING: Readonly<Record<ModelFormat, readonly string[]>> = {
  safetensors: [
    "```python",
    "from safetensors.numpy import load_file",
    "",
    'weights = load_file("model.safetensors")   # a dict of arrays by the names of parameters',
    "```",
  ],
  tfjs: [
    "```js",
    'import * as tf from "@tensorflow/tfjs";',
    "",
    'const model = await tf.loadLayersModel("https://example.org/model.json");',
    "```",
    "",
    "Initializers in the topology are zeros, as the weights come with it.",
  ],
  keras: [
    "```python",
    "import keras",
    "",
    'model = keras.saving.load_model("model.keras")',
    "```",
    "",
    'Once it has predicted, `model.export("model.onnx", format="onnx")` of Keras writes ONNX, with packages that it names.',
    "The model is not compiled.",
  ],
  npz: [
    "```python",
    "import numpy as np",
    "",
    'with np.load("model.npz") as file:',
    "    weights = {name: file[name] for name in file}   # by the names of parameters",
    "```",
  ],
};

function clients({ clients: named }: CardFacts): readonly string[] {
  if (named === null) return [];
  return [
    "## Clients",
    "",
    "| client | updates | samples of its last one | its owner says |",
    "|---|---|---|---|",
    ...named.map(
      ({ clientId, updates, samples, description }) =>
        `| ${plain(clientId)} | ${count(updates)} | ${count(samples)} | ${plain(description ?? "")} |`,
    ),
    "",
  ];
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** Four digits, as many as two evaluations of the same model agree on. */
function figure(value: number): string {
  return Number(value.toPrecision(4)).toString();
}

/** With a point where it has an exponent: readers of YAML 1.1 take it for a text otherwise. */
function yamlNumber(value: number): string {
  return String(value).replace(/^(-?\d+)(?=e)/, "$1.0");
}

/**
 * A text in quotation marks, as JSON and YAML both read it. JSON leaves characters as they are that a YAML
 * file must not have (YAML 1.2.2, 5.1 `c-printable`), or that YAML 1.1 takes for the end of a line; they are
 * escaped, as are those that turn the direction of a text.
 */
function quoted(text: string): string {
  return JSON.stringify(text.toWellFormed()).replace(
    /[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * A text of somebody's on one line: without control characters, which files of text do not have, and without
 * those that turn the direction of what follows around, which would show another text than there is.
 */
function oneLine(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\s\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, " ")
    .trim();
}

/** A text of somebody's as Markdown shows it: no markup, no cell's end. */
function plain(text: string): string {
  return oneLine(text).replace(/[\\`*_{}[\]<>()#+!|~&]/g, (sign) => `\\${sign}`);
}

/** As code, in a cell of a table. */
function code(text: string): string {
  const inner = oneLine(text).replaceAll("`", "'").replaceAll("|", "\\|");
  return `\`${inner}\``;
}
