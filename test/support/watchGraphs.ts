// Watches the sessions of TensorFlow that a test makes: how many, what they run, and that nothing is left.
import { existsSync } from "node:fs";
import { type Binding, nativeBackend } from "../../shared/cloud/tensors/graph/nativeBackend.ts";
import type { TensorFlow } from "../../shared/cloud/tensors/tensorFlow.ts";

export interface GraphWatch {
  readonly counts: { made: number; removed: number; runs: number };
  /** Folders of saved models that are still there: other processes have theirs in the same place. */
  foldersLeft(): readonly string[];
  stop(): void;
}

/** The native backend has to be in use. */
export function watchGraphs(tf: TensorFlow): GraphWatch {
  const backend = nativeBackend(tf);
  if (backend === null) throw new Error("The native backend is not in use.");
  const own = backend.binding;
  const counts = { made: 0, removed: 0, runs: 0 };
  const folders: string[] = [];
  const counting: Pick<Binding, "runSavedModel" | "loadSavedModel" | "deleteSavedModel"> = {
    runSavedModel(...given) {
      counts.runs++;
      return own.runSavedModel(...given);
    },
    loadSavedModel(...given) {
      counts.made++;
      folders.push(given[0]);
      return own.loadSavedModel(...given);
    },
    deleteSavedModel(...given) {
      counts.removed++;
      own.deleteSavedModel(...given);
    },
  };
  Object.assign(backend, { binding: Object.setPrototypeOf(counting, own) });
  return {
    counts,
    foldersLeft: () => folders.filter((folder) => existsSync(folder)),
    stop: () => Object.assign(backend, { binding: own }),
  };
}
