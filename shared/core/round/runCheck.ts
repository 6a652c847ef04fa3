// What is known of a run before it is created: everything that is wrong with its model, and where it fits.
import { FlError, type Problem } from "../errors.ts";
import { tiersOf } from "../methods/aggregation/tiersOf.ts";
import { givenTopology } from "../models/givenTopology.ts";
import { matchWeights } from "../models/givenWeights.ts";
import { inferModel } from "../models/inferShapes.ts";
import { markLocal } from "../models/localLayers.ts";
import { modelProblems } from "../models/modelProblems.ts";
import {
  MODEL_COPIES,
  modelSize,
  neededMib,
  whyTooDeep,
  whyTooLarge,
  whyTooMany,
} from "../models/modelSize.ts";
import { namedTensors, ownedByNobody } from "../models/namedModel.ts";
import { normalTopology } from "../models/normalTopology.ts";
import { layersOf } from "../models/topology.ts";
import { hasTopology, type LayersTopology, type ModelChoice } from "../schemas/model.ts";
import type { RunSpec } from "../schemas/spec.ts";
import type { TensorEntry } from "../updates/safetensors.ts";
import type { ModelShape } from "../updates/weights.ts";
import { learns } from "./teachingGroup.ts";

/** A model as far as arithmetic knows it. */
export interface ForeseenModel {
  readonly parameters: ModelShape;
  readonly parameterCount: number;
  readonly sizeBytes: number;
  /** Null where it has no topology. */
  readonly layers: number | null;
}

/** What a function has; null where the api was not told. */
export interface Memories {
  readonly aggregatorMib: number | null;
  readonly evaluatorMib: number | null;
  /** The largest of the clients that the run may invite; null where none is registered. */
  readonly clientMib: number | null;
}

export interface MemoryRow {
  readonly function: "aggregator" | "evaluator" | "client";
  /** At the least: what else a function needs, such as its libraries and data, is not in it. */
  readonly neededMib: number;
  readonly availableMib: number | null;
  readonly ok: boolean | null;
}

type CheckedSpec = Pick<RunSpec, "model" | "training" | "requires" | "aggregation">;

/** The file that a spec names for its initial values. */
export interface InitialFile {
  /** Where the spec names it. */
  readonly path: "model.weights.upload" | "model.weights.run";
  readonly tensors: readonly TensorEntry[];
  /** Of the run that it is a version of; absent for an upload. */
  readonly parameters?: ModelShape;
}

/**
 * Every problem of the model, and the model where its shapes can be told without building it.
 *
 * @param file null where the spec names none, or it cannot be read.
 */
export function foreseeModel(
  { model, training, requires }: CheckedSpec,
  file: InitialFile | null,
): { readonly model: ForeseenModel | null; readonly problems: readonly Problem[] } {
  if (!hasTopology(model)) {
    const wanted = file === null ? undefined : (model.parameters ?? ownedByNobody(file.parameters));
    const named = file === null ? null : namedTensors(wanted, file.tensors, file.path);
    const known = named?.found.map(({ parameter }) => parameter) ?? model.parameters ?? null;
    const shapes = known === null ? null : marked(known, training.local);
    return {
      model: shapes?.shapes == null ? null : { ...sized(shapes.shapes), layers: null },
      problems: [...(named?.problems ?? []), ...(shapes?.problems ?? [])],
    };
  }
  const path = pathOf(model);
  const say = (messages: readonly string[]) => messages.map((message) => ({ path, message }));
  let topology: ReturnType<typeof givenTopology>;
  let layers: number;
  try {
    topology = givenTopology(model);
    layers = layersOf(topology).length;
  } catch (error) {
    if (error instanceof FlError) return { model: null, problems: say([error.message.replace(/\.$/, "")]) };
    throw error;
  }
  const found = say(modelProblems(topology, training.loss, requires?.layers !== undefined));
  const tooDeep = whyTooDeep(layers);
  if (tooDeep !== null) return { model: null, problems: [...found, ...say([tooLarge(tooDeep)])] };
  const inferred = found.length > 0 ? undefined : inferModel(topology);
  if (inferred === undefined) return { model: null, problems: found };
  const { shapes, problems } = marked(inferred.parameters, training.local);
  const misfits = file === null ? [] : misfitsOf(topology, inferred.parameters, file, model);
  try {
    return { model: { ...sized(shapes), layers }, problems: [...found, ...problems, ...misfits] };
  } catch (error) {
    // More values than can be counted.
    if (error instanceof FlError) return { model: null, problems: say([error.message.replace(/\.$/, "")]) };
    throw error;
  }
}

/** What is wrong with the names, shapes and types of the initial values. */
function misfitsOf(
  topology: LayersTopology,
  parameters: ModelShape,
  { path, tensors }: InitialFile,
  { weights }: ModelChoice,
): readonly Problem[] {
  const { problems } = matchWeights(normalTopology(topology), parameters, tensors, weights?.partial === true);
  return problems.map((message) => ({ path, message: `the file does not fit the model: ${message}` }));
}

function pathOf(model: ModelChoice): string {
  return "builtin" in model ? "model.builtin" : "model.layers";
}

function sized(parameters: ModelShape): Omit<ForeseenModel, "layers"> {
  return { parameters, ...modelSize(parameters) };
}

function marked(
  parameters: ModelShape,
  local: readonly string[] | undefined,
): { readonly shapes: ModelShape; readonly problems: readonly Problem[] } {
  try {
    return { shapes: markLocal(parameters, local ?? []), problems: [] };
  } catch (error) {
    if (!(error instanceof FlError)) throw error;
    return {
      shapes: parameters,
      problems: [{ path: "training.local", message: error.message.replace(/\.$/, "") }],
    };
  }
}

/** Tensors of the model's size that an optimizer keeps. */
const SLOTS: Readonly<Record<string, number>> = { momentum: 1, rmsprop: 1, adagrad: 1, adam: 2, adamw: 2 };

/** What a client holds at once: what it downloaded, trains, moves it by, and sends; then its optimizer's. */
const CLIENT_COPIES = 4;

/** The same of a model that it learns from, as one at the least: what it downloaded, and what predicts. */
const TEACHER_COPIES = 2;

/** Where the model has to fit, and whether it does. */
export function memoryRows(
  model: ForeseenModel,
  { training, aggregation }: Pick<RunSpec, "training" | "aggregation">,
  { aggregatorMib, evaluatorMib, clientMib }: Memories,
): readonly MemoryRow[] {
  const { name } = training.optimizer;
  const slots = Object.hasOwn(SLOTS, name) ? (SLOTS[name] ?? 0) : 0;
  const taught = learns({ training }) ? TEACHER_COPIES : 0;
  const row = (what: MemoryRow["function"], needed: number, availableMib: number | null): MemoryRow => ({
    function: what,
    neededMib: needed,
    availableMib,
    ok: availableMib === null ? null : needed <= availableMib,
  });
  return [
    row("aggregator", neededMib(model, MODEL_COPIES + (tiersOf({ aggregation }) ?? 0)), aggregatorMib),
    row("evaluator", neededMib(model), evaluatorMib),
    row("client", neededMib(model, CLIENT_COPIES + slots + taught), clientMib),
  ];
}

/** Why the model cannot be used, by its size alone. */
export function sizeProblems(
  spec: CheckedSpec,
  model: ForeseenModel,
  memories: Memories,
): readonly Problem[] {
  const path = hasTopology(spec.model) ? pathOf(spec.model) : "model.parameters";
  const tooMany = whyTooMany(model.parameters);
  const { aggregatorMib, evaluatorMib, clientMib } = memories;
  const ours = [aggregatorMib, evaluatorMib].filter((mib) => mib !== null);
  const tooMuch = ours.length === 0 ? null : whyTooLarge(model, Math.min(...ours));
  const rows = memoryRows(model, spec, memories);
  const [client, folding] = ["client", "aggregator"].map((name) => rows.find((row) => row.function === name));
  const tiers = tiersOf(spec);
  const messages = [
    ...(tooMany === null ? [] : [tooMany]),
    ...(tooMuch === null
      ? []
      : [`${tooMuch}; give the evaluator and the aggregator more memory or use a smaller model`]),
    ...(tooMuch === null && tiers !== null && folding?.ok === false
      ? [
          `with a model of each of its ${tiers} tiers folding it takes ${folding.neededMib} MiB at the least, and the aggregator has ${aggregatorMib}; give the aggregator more memory, lower aggregation.tiers, or use a smaller model`,
        ]
      : []),
    ...(client?.ok === false
      ? [
          `training it takes ${client.neededMib} MiB at the least, and the largest of the clients that the run may invite has ${clientMib}; register clients with more memory, or use a smaller model`,
        ]
      : []),
  ];
  return messages.map((message) => ({ path, message: tooLarge(message) }));
}

function tooLarge(why: string): string {
  return `the model is too large: ${why}`;
}
