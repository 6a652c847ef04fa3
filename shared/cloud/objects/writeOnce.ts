// A write that may be repeated by one who may create objects and not replace them.
import { FlError } from "../../core/errors.ts";
import type { ProtocolObjects } from "../../core/ports/objectStore.ts";

/**
 * Writes an object unless one of its name is there. Only for names that stand for one content: what is there
 * is taken for our own write, whose answer was lost. The precondition is what makes the storage client repeat
 * the call, and replacing an object would need the right to delete it.
 */
export async function writeOnce(
  objects: ProtocolObjects,
  ...[name, content, options]: Parameters<ProtocolObjects["write"]>
): Promise<void> {
  try {
    await objects.write(name, content, { ...options, ifGeneration: 0 });
  } catch (error) {
    if (!(error instanceof FlError) || error.code !== "failed-precondition") throw error;
  }
}
