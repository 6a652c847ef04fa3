// Where a fold gets its updates and versions from: the bucket, or a simulation's memory.
import type { UpdateCheck } from "../methods/update/validate.ts";
import type { Invocation, TrainingFacts } from "../schemas/invocation.ts";
import type { UpdateId } from "../schemas/round.ts";
import type { FlatLayout } from "../updates/flat.ts";
import type { ModelShape, Weights } from "../updates/weights.ts";

/** An update that is to be folded. */
export interface WantedUpdate {
  readonly update: UpdateId;
  readonly invocation: Invocation;
  readonly training: TrainingFacts;
  /** What it counts for. */
  readonly samples: number;
  /** Local steps that it counts as. */
  readonly steps: number;
  readonly staleness: number;
  /** Of a relay: the updates that it is made of, in the order of their turns, itself the last. */
  readonly through?: readonly WantedUpdate[];
}

/** An update as it was read and checked; `gone`: there is no such object, or no such write of it. */
export type ReadUpdate = UpdateCheck | { readonly ok: false; readonly gone: true; readonly reason: string };

/** Gives memory of a size, at a multiple of eight; the next call ends the use of what an earlier one gave. */
export type Room = (sizeBytes: number) => Uint8Array<ArrayBuffer>;

/** Where a fold's updates and versions come from. */
export interface FoldSource {
  /**
   * Each of these, in their order, read whole and checked; its values may be used until the next is asked
   * for.
   */
  updates(wanted: readonly WantedUpdate[], room: Room): AsyncIterable<readonly [WantedUpdate, ReadUpdate]>;
  /**
   * The values of updates that were found sound, for coordinates `begin` to `end` of the row of sent
   * parameters.
   */
  block(
    wanted: readonly WantedUpdate[],
    layout: FlatLayout,
    begin: number,
    end: number,
  ): Promise<readonly Float32Array[]>;
  /** The weights of a version, which may be written over: the round's base, or one before it. */
  base(room: Room, version: number): Promise<Weights>;
  /**
   * What the method kept with the round's base version, which may be written over; null where no round has
   * made any.
   */
  state(shape: ModelShape): Promise<Weights | null>;
}
