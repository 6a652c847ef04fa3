// A version of a run by the name that people have for it: a number, latest, or best.
import type { VersionName } from "../schemas/model.ts";
import type { Run } from "../schemas/run.ts";
import { whyUnusable } from "./setBack.ts";

/** A version's number; or why the run has none of that name, as what is said of it: "has no best version". */
export type NamedVersion = { readonly version: number } | { readonly why: string };

/** Whether its file is there is not looked at. */
export function namedVersion({ status, modelVersion, best }: Run, named: VersionName): NamedVersion {
  if (modelVersion === null) return { why: `has no model version: its status is ${status}` };
  if (named === "latest") return { version: modelVersion };
  if (named === "best") {
    if (best !== null) return { version: best.version };
    return { why: "has no best version: none of its versions is scored" };
  }
  if (named <= modelVersion) return { version: named };
  return { why: `has no model version ${named}: its latest is ${modelVersion}` };
}

/** The version that another run may begin with: none that was left behind. */
export function startingVersion(run: Run, named: VersionName): NamedVersion {
  const found = typeof named === "number" ? { version: named } : namedVersion(run, named);
  const why = "version" in found ? whyUnusable(run, found.version) : null;
  return why === null ? namedVersion(run, named) : { why: `cannot begin another one: ${why}` };
}
