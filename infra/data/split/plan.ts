// Who gets which rows of a data set: one of the partitioners, by what was asked for. Pure.
import { FlError, type Problem } from "../../../shared/core/errors.ts";
import type { Coded } from "../coder.ts";
import { dirichletParts } from "../partition/dirichlet.ts";
import { iidParts } from "../partition/iid.ts";
import { naturalParts } from "../partition/natural.ts";
import { byClass, type Parts } from "../partition/parts.ts";
import { pathologicalParts } from "../partition/pathological.ts";
import { shardParts } from "../partition/shards.ts";
import { linearWeights, sizedParts } from "../partition/sizes.ts";
import { clientNames, namesOfGroups } from "./names.ts";
import type { SplitKind } from "./splits.ts";

export interface SplitOptions {
  readonly by: SplitKind;
  /** Undefined where groups or sizes say how many there are. */
  readonly clients: number | undefined;
  readonly alpha: number;
  readonly minSamples: number;
  readonly classesPerClient: number;
  readonly shardsPerClient: number;
  readonly sizes: "linear" | readonly number[];
  readonly seed: number;
  readonly isBalanced: boolean;
}

/** What is known of a data set's rows. */
export interface Units {
  readonly count: number;
  /** What the rows' labels are; null where that was not asked for. */
  readonly labels: Coded | null;
  /** What a natural split is by; null where it is not asked for. */
  readonly groups: Coded | null;
}

export interface ClientShare {
  readonly clientId: string;
  readonly rows: number;
  /** Rows of each label, in the order of `Plan.labels`; none where labels are not known. */
  readonly labelRows: readonly number[];
}

export interface Plan {
  /** Of each row, the place of its client. */
  readonly clientOf: Uint32Array;
  readonly clients: readonly ClientShare[];
  /** The labels that rows are counted by; null stands for none. */
  readonly labels: readonly (string | null)[];
}

/** Those that need to know the rows' labels. */
const LABELLED: ReadonlySet<SplitKind> = new Set(["dirichlet", "shards", "pathological"]);

export function needsLabels(by: SplitKind): boolean {
  return LABELLED.has(by);
}

/** Every way in which the options do not go together, each with the option as its path. */
export function optionProblems({ by, clients, sizes }: SplitOptions): readonly Problem[] {
  const given = typeof sizes === "string" ? null : sizes.length;
  const problems: Problem[] = [];
  if (clients === undefined && by !== "column" && !(by === "size" && given !== null)) {
    problems.push({ path: "--clients", message: `is needed with --by ${by}: how many clients there are` });
  }
  if (by === "size" && given !== null && clients !== undefined && clients !== given) {
    problems.push({
      path: "--clients",
      message: `is ${clients}, and --sizes has ${given}: leave --clients out`,
    });
  }
  return problems;
}

/** @throws FlError("invalid-argument") for what cannot be, as the partitioners do */
export function planSplit(units: Units, options: SplitOptions): Plan {
  const parts = partsOf(units, options);
  const clientIds =
    options.by === "column" && options.clients === undefined
      ? groupNames(units.groups, parts)
      : clientNames(parts.length);
  const clientOf = new Uint32Array(units.count);
  for (const [client, places] of parts.entries()) for (const place of places) clientOf[place] = client;
  const { labels, counts } = labelCounts(units.labels, clientOf, parts.length);
  return {
    clientOf,
    labels,
    clients: parts.map(({ length }, i) => ({
      clientId: clientIds[i] ?? "",
      rows: length,
      labelRows: counts[i] ?? [],
    })),
  };
}

function partsOf({ count, labels, groups }: Units, options: SplitOptions): Parts {
  const { by, clients = 0, minSamples, seed, alpha, sizes } = options;
  const known = () => labels?.codes ?? missing("labels");
  switch (by) {
    case "column":
      return naturalParts(groups?.codes ?? missing("groups"), {
        minSamples,
        ...(options.clients === undefined ? {} : { clients }),
      });
    case "iid":
      return iidParts(count, { clients, seed, minSamples });
    case "dirichlet":
      return dirichletParts(known(), { clients, seed, alpha, minSamples, isBalanced: options.isBalanced });
    case "shards": {
      const parts = shardParts(known(), { clients, seed, shardsPerClient: options.shardsPerClient });
      const least = Math.min(...parts.map(({ length }) => length));
      if (least >= minSamples) return parts;
      throw new FlError(
        "invalid-argument",
        `A client would have ${least} rows, fewer than --min ${minSamples}: ask for fewer clients.`,
      );
    }
    case "pathological":
      return pathologicalParts(known(), {
        clients,
        seed,
        minSamples,
        classesPerClient: options.classesPerClient,
      });
    case "size":
      return sizedParts(count, {
        weights: typeof sizes === "string" ? linearWeights(clients) : sizes,
        seed,
        minSamples,
      });
  }
}

function missing(what: string): never {
  throw new RangeError(`no ${what}`);
}

/** Each part is one group, in the order of their numbers. */
function groupNames(groups: Coded | null, parts: Parts): readonly string[] {
  const { codes, values } = groups ?? missing("groups");
  return namesOfGroups(parts.map(([first = 0]) => values[codes[first] ?? Number.NaN] ?? null));
}

function labelCounts(
  known: Coded | null,
  clientOf: Uint32Array,
  clients: number,
): { readonly labels: readonly (string | null)[]; readonly counts: readonly number[][] } {
  if (known === null) return { labels: [], counts: [] };
  const { codes, values } = known;
  const classes = byClass(codes);
  const labels = classes.map(([first = 0]) => values[codes[first] ?? Number.NaN] ?? null);
  const counts = Array.from({ length: clients }, () => classes.map(() => 0));
  for (const [label, places] of classes.entries()) {
    for (const place of places) {
      const of = counts[clientOf[place] ?? 0];
      if (of !== undefined) of[label] = (of[label] ?? 0) + 1;
    }
  }
  return { labels, counts };
}
