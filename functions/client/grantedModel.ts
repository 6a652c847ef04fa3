// What lies behind the link of a grant, as weights.
import { FlError } from "../../shared/core/errors.ts";
import type { Grant } from "../../shared/core/schemas/protocol.ts";
import { decodeSafetensors } from "../../shared/core/updates/safetensors.ts";
import { type Weights, weightsOf } from "../../shared/core/updates/weights.ts";

/**
 * The weights in what was read through the grant's link. Where it cannot be used, the coordinator learns only
 * that: what lies there may be something else than it says, and a message that quotes it would hand it on.
 * The cause is for the owner's log.
 */
export function readModel(file: Uint8Array, { parameters }: Pick<Grant, "parameters">): Weights {
  try {
    return weightsOf(decodeSafetensors(file).tensors, parameters);
  } catch (cause) {
    const isShort = cause instanceof FlError && cause.code === "data-loss";
    throw new FlError(
      isShort ? "data-loss" : "invalid-argument",
      isShort
        ? "The model behind the grant's link is truncated."
        : "What is behind the grant's link to the model is not a safetensors file with the grant's parameters.",
      { retry: "never", cause, reason: "bad-grant" },
    );
  }
}

export function withoutTopology(): FlError {
  return new FlError(
    "failed-precondition",
    "This client computes with layers, and the run has parameters and no topology: invite clients that are made for it (docs/client-protocol.md), or create the run with a topology.",
    { retry: "never", reason: "unsupported-model" },
  );
}
