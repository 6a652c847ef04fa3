// Names of model versions in paths, and short-lived links to a run's objects.
import * as z from "zod";
import { FlError } from "../../shared/core/errors.ts";
import { namedVersion } from "../../shared/core/round/namedVersion.ts";
import { Instant, RunId } from "../../shared/core/schemas/ids.ts";
import type { Run } from "../../shared/core/schemas/run.ts";
import type { ApiDeps } from "./deps.ts";

/** How long a link to a model version works. */
const LINK_SECONDS = 300;

export const ModelParams = z.strictObject({
  runId: RunId,
  version: z
    .string()
    .regex(
      /^(?:latest|best|\d{1,9})$/,
      "use a version's number, 0 for the initial weights, or latest or best",
    )
    .describe("A number from 0, the initial weights; `latest`; or `best`, by the run's metric."),
});

export const Link = z
  .strictObject({
    url: z.string().describe("GET it, as it is, before it expires."),
    sizeBytes: z.number().int(),
    expiresAt: Instant,
  })
  .meta({ id: "Link" });
export type Link = z.infer<typeof Link>;

/** Makes links to objects; null where there is no such object. */
export function linksTo({ objects, nowMs }: Pick<ApiDeps, "objects" | "nowMs">) {
  return async (object: string): Promise<Link | null> => {
    const info = await objects.stat(object);
    if (info === null) return null;
    const { url } = await objects.signedReadUrl(object, { expiresInSeconds: LINK_SECONDS });
    return { url, sizeBytes: info.sizeBytes, expiresAt: nowMs() + LINK_SECONDS * 1_000 };
  };
}

/** @throws FlError("not-found") while the run has none of that name */
export function versionOf(run: Run, named: string): number {
  const known = namedVersion(run, named === "latest" || named === "best" ? named : Number(named));
  if ("version" in known) return known.version;
  throw new FlError("not-found", `Run ${run.runId} ${known.why}.`);
}
