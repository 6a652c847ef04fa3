// What is wrong with a run's spec, all of it at once: what a run is refused for when it is created, and what
// else can be told before.
import { FlError, type Problem } from "../../shared/core/errors.ts";
import { wantedClient, wishWords } from "../../shared/core/methods/selection/wantedClients.ts";
import { isObject } from "../../shared/core/models/topology.ts";
import { refs } from "../../shared/core/ports/store.ts";
import {
  type ForeseenModel,
  foreseeModel,
  type Memories,
  memoryRows,
  sizeProblems,
} from "../../shared/core/round/runCheck.ts";
import { testSetLater } from "../../shared/core/round/testSet.ts";
import type { Client } from "../../shared/core/schemas/client.ts";
import type { Parameter } from "../../shared/core/schemas/model.ts";
import type { ChangedClient } from "../../shared/core/schemas/roster.ts";
import { MAX_COHORT, RunSpec, type StoredWeights } from "../../shared/core/schemas/spec.ts";
import { parse } from "../../shared/http/parse.ts";
import type { ApiDeps } from "./deps.ts";
import { groupProblems } from "./groupProblems.ts";
import { findInitialFile } from "./initialFile.ts";
import type { FunctionMemories, RunCheck } from "./runCheckAnswer.ts";

/** Clients whose sizes and checks are looked at; all of them are counted. */
const LOOKED_AT = 1_000;

/** What a run of this spec is refused for, and what is known of its model and clients. */
export async function specVerdict(
  spec: RunSpec,
  env: FunctionMemories,
  deps: ApiDeps,
): Promise<{
  readonly problems: readonly Problem[];
  readonly model: ForeseenModel | null;
  readonly memories: Memories;
  readonly clients: readonly Client[];
  /** Where the initial values are, as the run's document keeps it; null where they are drawn. */
  readonly weights: StoredWeights | null;
}> {
  const given = spec.model.weights;
  const initial = given === undefined ? null : await findInitialFile(given, deps);
  const isFound = initial !== null && "file" in initial;
  const foreseen = foreseeModel(spec, isFound ? initial.file : null);
  const clients = await matchingClients(spec, deps);
  const memories = {
    aggregatorMib: env.AGGREGATOR_MEMORY_MIB ?? null,
    evaluatorMib: env.EVALUATOR_MEMORY_MIB ?? null,
    clientMib: clients.length === 0 ? null : Math.max(...clients.map(({ capacity }) => capacity.memoryMib)),
  };
  const { model } = foreseen;
  const problems = [
    ...foreseen.problems,
    ...(initial !== null && "problems" in initial ? initial.problems : []),
    ...(model === null ? [] : sizeProblems(spec, model, memories)),
    ...(await groupProblems(spec, deps)),
  ];
  return { problems, model, memories, clients, weights: isFound ? initial.stored : null };
}

/** Everything that can be told of a spec as it was sent. Writes nothing. */
export async function checkRun(json: unknown, env: FunctionMemories, deps: ApiDeps): Promise<RunCheck> {
  const read = readSpec(json);
  const isSound = (part: string) => !read.broken.has(part);
  if (read.spec === null) {
    return {
      problems: [...read.problems],
      warnings: [],
      later: [],
      model: null,
      memory: [],
      clients: null,
    };
  }
  const { spec } = read;
  const verdict = await specVerdict(spec, env, deps);
  // What stands in for a part that cannot be read has no problems of its own.
  const found = verdict.problems.filter(({ path }) => isSound(path.split(".")[0] ?? ""));
  const model = isSound("model") && isSound("training") ? verdict.model : null;
  const problems = [...read.problems, ...found];
  const known = isSound("selection") ? await knownClients(spec, verdict.clients, deps) : null;
  return {
    problems,
    warnings: known === null ? [] : [...warningsOf(spec, known)],
    later: ["model", "training", "evaluation", "stop"].every(isSound) ? [...testSetLater(spec)] : [],
    model: model === null ? null : { ...model, parameters: model.parameters.map(copyOf) },
    memory: model === null ? [] : memoryRows(model, spec, verdict.memories).map((row) => ({ ...row })),
    clients: known,
  };
}

interface ReadSpec {
  /** With stand-ins for the parts that cannot be read; null where nothing can. */
  readonly spec: RunSpec | null;
  readonly problems: readonly Problem[];
  /** Parts of the spec with a problem of their own. */
  readonly broken: ReadonlySet<string>;
}

/** The schema's problems; then, without the parts that have any, those of the others with each other. */
function readSpec(json: unknown): ReadSpec {
  const problems: Problem[] = [];
  const broken = new Set<string>();
  const partOf = ({ path }: Problem) => path.split(".")[0] ?? "";
  let written: unknown = json;
  for (const without of [withoutBroken, withoutOthers, null]) {
    const { spec, found } = readStrictly(written);
    if (spec !== null) return { spec, problems, broken };
    // Of a part that stands in for another, or what that one misses in others, nothing is said twice.
    problems.push(...found.filter((problem) => !broken.has(partOf(problem))));
    for (const problem of found) broken.add(partOf(problem));
    if (!isObject(json) || broken.has("") || without === null) break;
    written = without(json, broken, problems);
  }
  return { spec: null, problems, broken };
}

type Parts = Readonly<Record<string, unknown>>;

/** The spec without the parts that have problems; what it cannot be without stands in for them. */
function withoutBroken(json: Parts, broken: ReadonlySet<string>, problems: readonly Problem[]): Parts {
  const sound = Object.entries(json).filter(([part]) => !broken.has(part));
  const { training } = json;
  // By its loss alone a model is judged.
  const isLossSound = isObject(training) && !problems.some(({ path }) => path.startsWith("training.loss"));
  const standIns: Parts = {
    name: "unnamed",
    model: { builtin: "tiny-mlp" },
    training: isLossSound && training["loss"] !== undefined ? { loss: training["loss"] } : {},
    selection: { strategy: "random", cohortSize: MAX_COHORT },
  };
  return Object.fromEntries([...sound, ...Object.entries(standIns).filter(([part]) => broken.has(part))]);
}

/** The same of a spec whose other parts do not go together: its model and its clients, alone. */
function withoutOthers(json: Parts, broken: ReadonlySet<string>, problems: readonly Problem[]): Parts {
  const { name, model, training, selection } = withoutBroken(json, broken, problems);
  const loss = isObject(training) ? training["loss"] : undefined;
  const clients = isObject(selection) ? selection["clients"] : undefined;
  return {
    name,
    model,
    training: loss === undefined ? {} : { loss },
    selection: {
      strategy: "random",
      cohortSize: MAX_COHORT,
      ...(clients === undefined ? {} : { clients }),
    },
  };
}

function readStrictly(json: unknown): { readonly spec: RunSpec | null; readonly found: readonly Problem[] } {
  try {
    return { spec: parse(RunSpec, json), found: [] };
  } catch (error) {
    if (error instanceof FlError && error.problems.length > 0) return { spec: null, found: error.problems };
    throw error;
  }
}

/** As the run's roster takes it. */
function isFor({ selection, requires }: RunSpec, client: ChangedClient): boolean {
  return !wantedClient(selection, client, requires).retired;
}

async function matchingClients(spec: RunSpec, { store }: ApiDeps): Promise<readonly Client[]> {
  const { items } = await store.listClients({ limit: LOOKED_AT });
  return items.filter((client) => isFor(spec, client));
}

type KnownClients = NonNullable<RunCheck["clients"]>;

async function knownClients(
  spec: RunSpec,
  clients: readonly Client[],
  { store }: ApiDeps,
): Promise<KnownClients> {
  let [registered, matching] = [0, 0];
  for await (const client of store.clientsChangedSince(0)) {
    if (client.retired) continue;
    registered += 1;
    if (isFor(spec, client)) matching += 1;
  }
  const { items } = await store.list(clients.map(({ clientId }) => refs.checks(clientId)));
  const checked = items.filter(
    ({ checks }) => checks.find(({ facts }) => facts !== null)?.facts?.stepMs != null,
  );
  return {
    registered,
    matching,
    lookedAt: clients.length,
    checked: checked.length,
    cannot: clients.filter(({ cannot }) => cannot?.runId === null).length,
  };
}

function warningsOf(
  { selection, round, requires }: RunSpec,
  { matching, cannot }: KnownClients,
): readonly Problem[] {
  const enough = round.minUpdates;
  const wish = wishWords(selection, requires);
  return [
    ...(matching < enough
      ? [
          {
            path: "selection.clients",
            message: `${matching} clients${wish} are registered, and a round needs ${enough} at the least: register more before it starts`,
          },
        ]
      : []),
    ...(matching >= enough && matching < selection.cohortSize
      ? [
          {
            path: "selection.cohortSize",
            message: `${matching} clients${wish} are registered: rounds will have no more than that`,
          },
        ]
      : []),
    ...(cannot > 0
      ? [
          {
            path: "selection.clients",
            message: `the last checks of ${cannot} of them say that they cannot train: see GET /v1/clients`,
          },
        ]
      : []),
  ];
}

function copyOf({ shape, ...parameter }: ForeseenModel["parameters"][number]): Parameter {
  const { role, min, local, name } = parameter;
  return {
    name,
    shape: [...shape],
    ...(role === undefined ? {} : { role }),
    ...(min === undefined ? {} : { min }),
    ...(local === true ? { local } : {}),
  };
}
