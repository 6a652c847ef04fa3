// Removes every object whose name begins with a prefix.
import type { ProtocolObjects } from "../../core/ports/objectStore.ts";
import type { Step } from "../../core/steps.ts";

/** Removed at once; objects are independent of each other. */
const PARALLEL = 20;

export async function removeAll(objects: ProtocolObjects, prefix: string, step: Step): Promise<void> {
  for (;;) {
    // Always the first page: those listed before are gone.
    const page = await objects.list(prefix);
    for (let start = 0; start < page.objects.length; start += PARALLEL) {
      const some = page.objects.slice(start, start + PARALLEL);
      await Promise.all(some.map(({ name }) => objects.remove(name, { step })));
    }
    if (page.nextPageToken === undefined) return;
  }
}
