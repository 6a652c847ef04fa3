// Which parameters of a model each client keeps for itself, by the names of their layers.
import { FlError } from "../errors.ts";
import { quoteName } from "../updates/safetensors.ts";
import { type ModelShape, sentParameters } from "../updates/weights.ts";

/** Layers that a message names, at most. */
const NAMED = 20;

/**
 * The model with the parameters marked that patterns name. A pattern is the name of a layer, or of a
 * parameter; `*` stands for any characters. It names all that lies within what it matches.
 *
 * @throws FlError("invalid-argument") for patterns that match nothing, and where no trained parameter would
 *   be left to average.
 */
export function markLocal(model: ModelShape, patterns: readonly string[]): ModelShape {
  if (patterns.length === 0) return model;
  const matchers = patterns.map((pattern) => ({ pattern, isMatch: matcherOf(pattern) }));
  const idle = matchers.filter(({ isMatch }) => !model.some(({ name }) => namesWithin(name).some(isMatch)));
  if (idle.length > 0) {
    throw new FlError(
      "invalid-argument",
      `training.local names no layer of the model by ${idle.map(({ pattern }) => quoteName(pattern)).join(", ")}: its layers with parameters are ${layersOf(model)}.`,
    );
  }
  const marked = model.map((parameter) => {
    const isLocal = matchers.some(({ isMatch }) => namesWithin(parameter.name).some(isMatch));
    return isLocal ? { ...parameter, local: true as const } : parameter;
  });
  if (sentParameters(marked).every(({ role }) => role === "statistic")) {
    throw new FlError(
      "invalid-argument",
      "training.local names every layer that is trained, so nothing is left to average: leave one out.",
    );
  }
  return marked;
}

/** Whether a name is as the pattern says. O(name), as patterns come from outside. */
function matcherOf(pattern: string): (name: string) => boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return (name) => name === first;
  return (name) => {
    if (!name.startsWith(first) || !name.endsWith(last)) return false;
    let from = first.length;
    for (const part of rest) {
      const at = name.indexOf(part, from);
      if (at === -1) return false;
      from = at + part.length;
    }
    return from + last.length <= name.length;
  };
}

/** `a/b/kernel` lies in the layers `a` and `a/b`. */
function namesWithin(name: string): readonly string[] {
  const parts = name.split("/");
  return parts.map((_, i) => parts.slice(0, i + 1).join("/"));
}

function layersOf(model: ModelShape): string {
  const names = [...new Set(model.map(({ name }) => name.split("/").slice(0, -1).join("/") || name))];
  const more = names.length > NAMED ? `, and ${names.length - NAMED} more` : "";
  return `${names.slice(0, NAMED).map(quoteName).join(", ")}${more}`;
}
