// What a model card says of a run, taken from its documents: figures over all clients, and names only where
// they are asked for.
import type { Client } from "../../../../shared/core/schemas/client.ts";
import type { FederatedScore } from "../../../../shared/core/schemas/clientScore.ts";
import type { Round } from "../../../../shared/core/schemas/round.ts";
import type { Run } from "../../../../shared/core/schemas/run.ts";
import { metricsOf } from "../tables/metrics.ts";

/** Fewer clients than this are not summed up: a sum over one or two tells of each. */
export const MIN_SUMMED = 3;

export interface CardFacts {
  readonly rounds: number;
  readonly degraded: number;
  /** Different clients whose updates are part of the version. */
  readonly contributors: number;
  readonly updates: number;
  /** What each client's last update counted for, summed; null with fewer than `MIN_SUMMED` clients. */
  readonly samples: number | null;
  /** Of the clients' data cards; null with fewer than `MIN_SUMMED` that say it. */
  readonly statedSamples: number | null;
  /** The most classes that a data card states; null with fewer than `MIN_SUMMED` that state any. */
  readonly statedClasses: number | null;
  readonly scores: Readonly<Record<string, number>>;
  readonly unscoredReason: string | null;
  readonly scoringBackend: string | null;
  /** What clients say of the version, on rows that they do not train on; null with fewer than `MIN_SUMMED`. */
  readonly federated: FederatedScore | null;
  /** By name; null unless they are to be named. */
  readonly clients: readonly NamedClient[] | null;
}

export interface NamedClient {
  readonly clientId: string;
  readonly updates: number;
  readonly samples: number;
  readonly description: string | null;
}

/** Gathers the facts of the rounds up to the one that made a version, one after the other. */
export class CardGatherer {
  readonly #version: number;
  readonly #setBacks: NonNullable<Run["setBacks"]>;
  readonly #byClient = new Map<string, { updates: number; samples: number }>();
  #rounds = 0;
  #degraded = 0;
  #made: Round | null = null;
  #federated: FederatedScore | null = null;

  /** @param setBacks of the run: what led to a version that was left behind is no part of later ones */
  constructor(version: number, setBacks: NonNullable<Run["setBacks"]> = []) {
    this.#version = version;
    this.#setBacks = setBacks;
  }

  /**
   * Rounds come in order. After those that the version is made of come those whose clients score it, before
   * they train; later ones tell nothing of it: `complete`.
   */
  add(round: Round): "complete" | "more" {
    if (round.federated?.version === this.#version) this.#federated ??= round.federated;
    if (round.baseVersion > this.#version || this.#federated !== null) return "complete";
    if (this.#made !== null || this.#version === 0) return "more";
    this.#rounds += 1;
    if (round.status === "degraded") this.#degraded += 1;
    if (round.newVersion === null) return "more";
    for (const { clientId, samples } of this.#wasLeft(round.newVersion) ? [] : round.consumed) {
      const updates = (this.#byClient.get(clientId)?.updates ?? 0) + 1;
      this.#byClient.set(clientId, { updates, samples });
    }
    if (round.newVersion === this.#version) this.#made = round;
    return "more";
  }

  #wasLeft(version: number): boolean {
    return this.#setBacks.some((back) => {
      const isWithin = (one: number) => one > back.goodVersion && one <= back.version;
      return isWithin(version) && !isWithin(this.#version);
    });
  }

  facts(clients: readonly Client[], withClients: boolean): CardFacts {
    const cards = clients.filter(({ clientId }) => this.#byClient.has(clientId));
    const counted = [...this.#byClient.values()];
    const stated = cards.flatMap(({ dataCard }) => dataCard.samples ?? []);
    const classes = cards.flatMap(({ dataCard }) => dataCard.classes ?? []);
    const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);
    const enough = (numbers: readonly number[]) => numbers.length >= MIN_SUMMED;
    const samples = counted.map((client) => client.samples);
    const made = this.#made;
    return {
      rounds: this.#rounds,
      degraded: this.#degraded,
      contributors: this.#byClient.size,
      updates: sum(counted.map(({ updates }) => updates)),
      samples: enough(samples) ? sum(samples) : null,
      statedSamples: enough(stated) ? sum(stated) : null,
      statedClasses: enough(classes) ? Math.max(...classes) : null,
      scores: made === null ? {} : metricsOf(made),
      unscoredReason: made?.unscoredReason ?? null,
      scoringBackend: made?.scoringBackend ?? null,
      federated: (this.#federated?.clients ?? 0) < MIN_SUMMED ? null : this.#federated,
      clients: withClients ? namedClients(this.#byClient, cards) : null,
    };
  }
}

function namedClients(
  byClient: ReadonlyMap<string, { readonly updates: number; readonly samples: number }>,
  cards: readonly Client[],
): readonly NamedClient[] {
  const descriptions = new Map(cards.map(({ clientId, dataCard }) => [clientId, dataCard.description]));
  return [...byClient]
    .map(([clientId, { updates, samples }]) => ({
      clientId,
      updates,
      samples,
      description: descriptions.get(clientId) ?? null,
    }))
    .toSorted((a, b) => (a.clientId < b.clientId ? -1 : 1));
}
