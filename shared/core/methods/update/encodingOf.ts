// Finds an encoding's behaviour.
import { FlError } from "../../errors.ts";
import { updateBehaviours } from "../registry/update.ts";
import type { EncodingName } from "./encodings.ts";
import type { Encoding } from "./updateMethod.ts";

/** @throws FlError("invalid-argument") for a name that is no encoding's. */
export function encodingOf(name: EncodingName): Encoding {
  const behaviour = Object.hasOwn(updateBehaviours, name) ? updateBehaviours[name] : {};
  if (behaviour.encoding !== undefined) return behaviour.encoding;
  throw new FlError("invalid-argument", `There is no encoding "${name}".`);
}
