// What every method shows of itself: enough to write a spec, a table of options and a choice on a command
// line.
import type * as z from "zod";

/** A method's face. It loads no behaviour: every function reads specs, and none needs all methods. */
export interface Face<Options extends z.ZodType = z.ZodType> {
  /** As specs name it, and its folder. */
  readonly name: string;
  /** As its authors name it. */
  readonly title: string;
  /** Authors, title, venue and year; null where it is common knowledge. */
  readonly paper: string | null;
  /** What a spec says of it, every option described. */
  readonly options: Options;
  /** Of training methods: whether they assign parts of the parameters, so that updates have no more than those. */
  readonly assignsParts?: boolean;
  /** Of training methods: whether clients keep something between invocations, get what is kept beside a version, or send it. */
  readonly keepsState?: boolean;
  /** Whether it needs the layers of the model, so that a run of parameters alone cannot have it. */
  readonly needsTopology?: boolean;
  /** Of aggregations: whether they fold updates of all parameters only. An average over those that have a coordinate does not. */
  readonly needsWhole?: boolean;
  /** Of aggregations: the training method that they cannot be without; any where absent. */
  readonly needsTraining?: string;
  /** Of aggregations: whether they ask clients how many of their samples have each label; they do not where absent. */
  readonly asksLabels?: (options: { readonly strategy: string }) => boolean;
  /**
   * Of aggregations: the share of a run's updates that are no later than usual, where they go by how late its
   * updates have been so far; null, or absent, where they do not.
   */
  readonly usualShare?: (options: { readonly strategy: string }) => number | null;
  /**
   * Of aggregations: into how many tiers the run's clients are put, each of which waits for its own cohort
   * and none for another; they are in none where absent.
   */
  readonly tiers?: (options: { readonly strategy: string }) => number;
  /**
   * Of aggregations: of how many updates before they know the norms, in the order of their folds; of none
   * where absent.
   */
  readonly remembersNorms?: (options: { readonly strategy: string }) => number;
  /** What makes no sense in a spec that names this method: each with the place, the reason and what to do. */
  readonly problems?: (spec: SpecFacts) => readonly SpecProblem[];
}

export interface SpecProblem {
  readonly path: readonly string[];
  readonly message: string;
}

/**
 * What rules on combinations may look at: parts of a spec that every run has, its methods' options as they
 * are.
 */
export interface SpecFacts {
  readonly training: { readonly method: string } & Readonly<Record<string, unknown>>;
  readonly selection: { readonly strategy: string; readonly cohortSize: number } & Readonly<
    Record<string, unknown>
  >;
  readonly aggregation: { readonly strategy: string } & Readonly<Record<string, unknown>>;
  readonly round: {
    readonly minUpdates: number;
    readonly onDeadline: string;
    readonly relay?: { readonly groupSize: number } | undefined;
  };
  readonly encoding: string;
}

/** What is wrong with this pair: updates of a part of the parameters, and an aggregation that needs all of them. */
export function partsProblems(
  training: Pick<Face, "name" | "assignsParts"> | undefined,
  aggregation: Pick<Face, "name" | "needsWhole"> | undefined,
): readonly SpecProblem[] {
  if (training?.assignsParts !== true || aggregation?.needsWhole !== true) return [];
  return [
    {
      path: ["aggregation", "strategy"],
      message: `${aggregation.name} compares whole updates, and training.method ${training.name} assigns parts of the parameters: use an average such as fedavg, or a training method that trains all parameters`,
    },
  ];
}

/**
 * What is wrong with these methods in a run that has parameters and no topology. Parts of parameters are
 * parts of layers: names and shapes do not say which of them belong together.
 */
export function topologyProblems(
  faces: readonly {
    readonly path: readonly string[];
    readonly face: Pick<Face, "name" | "needsTopology" | "assignsParts">;
  }[],
): readonly SpecProblem[] {
  return faces
    .filter(({ face }) => face.needsTopology === true || face.assignsParts === true)
    .map(({ path, face: { name } }) => ({
      path,
      message: `${name} needs the layers of the model, and model.parameters has none: use another method, or a model with a topology`,
    }));
}
