// Which runs a list is to have.
import type { Run, RunStatus } from "./run.ts";

export interface RunFilter {
  /** Any of these; any at all where absent. */
  readonly status?: readonly RunStatus[] | undefined;
  readonly createdBy?: string | undefined;
  /** What the name begins with, in large letters or small. */
  readonly name?: string | undefined;
  /** A label that the run has: its name, and its value where that matters. */
  readonly label?: { readonly name: string; readonly value?: string | undefined } | undefined;
}

/** Whether every run is wanted. */
export function isOpen(filter: RunFilter): boolean {
  return Object.values(filter).every((value) => value === undefined);
}

/** Whether a run fulfils all of a filter. */
export function isWanted(
  run: Pick<Run, "status" | "createdBy" | "spec" | "labels">,
  filter: RunFilter,
): boolean {
  const { status, createdBy, name, label } = filter;
  if (status !== undefined && !status.includes(run.status)) return false;
  if (createdBy !== undefined && run.createdBy !== createdBy) return false;
  if (name !== undefined && !run.spec.name.toLowerCase().startsWith(name.toLowerCase())) return false;
  if (label === undefined) return true;
  if (!Object.hasOwn(run.labels, label.name)) return false;
  return label.value === undefined || run.labels[label.name] === label.value;
}
