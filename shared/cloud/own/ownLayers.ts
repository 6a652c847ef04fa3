// Layers of an owner's own, made known to TensorFlow.js before a model is built of them.
import { FlError } from "../../core/errors.ts";
import type { TensorFlow } from "../tensors/tensorFlow.ts";
import type { LayerClass, Layers } from "./client.ts";
import type { OwnPart } from "./ownCode.ts";
import { markOwn } from "./ownLayerMark.ts";

const CLASS_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,99}$/;

/**
 * Registers the classes, once a process.
 *
 * @throws FlError("failed-precondition") for what is no list of classes, or would replace a class of
 *   TensorFlow.js
 */
export async function registerOwnLayers(
  tf: TensorFlow,
  { about, load }: OwnPart<Layers>,
): Promise<readonly string[]> {
  const what = `The owner's layers ${about.name} ${about.version}`;
  const wrong = (problem: string) =>
    new FlError("failed-precondition", `${what} ${problem}.`, { retry: "never" });
  const classes: unknown = (await load()).default(tf);
  if (!Array.isArray(classes)) throw wrong("return no list of classes");
  const known = tf.serialization.SerializationMap.getMap().classNameMap;
  const names = new Set<string>();
  for (const [i, one] of classes.entries()) {
    const name: unknown = typeof one === "function" ? one.className : undefined;
    if (typeof name !== "string" || !CLASS_NAME.test(name)) {
      throw wrong(
        `return as number ${i} no class with a static className of letters, digits and underscores`,
      );
    }
    if (!(one.prototype instanceof tf.layers.Layer)) {
      throw wrong(`return a class ${name} that does not extend the Layer of the TensorFlow.js it is given`);
    }
    if (Object.hasOwn(known, name))
      throw wrong(`return a class ${name}, which TensorFlow.js has already: give it another name`);
    if (names.has(name)) throw wrong(`return two classes ${name}`);
    names.add(name);
  }
  for (const one of classes as readonly LayerClass[]) {
    markOwn(one.prototype);
    tf.serialization.registerClass(one);
  }
  return [...names];
}
