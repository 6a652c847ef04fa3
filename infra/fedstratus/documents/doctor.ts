// What `fedstratus doctor` looks at, one thing after the other; what needs an earlier one that has failed is
// skipped.
import { statfs } from "node:fs/promises";
import { FlError } from "../../../shared/core/errors.ts";
import type { Run } from "../../../shared/core/schemas/run.ts";
import { releaseOfThis } from "../../cli/release.ts";
import type { Api } from "../frame/api.ts";
import type { Context } from "../frame/context.ts";
import { failureOf } from "../frame/failures.ts";
import { claimsOf } from "../identity/claims.ts";
import { writePrivate } from "../profiles/privateFile.ts";
import type { Meta } from "./deploymentFindings.ts";
import type { Finding } from "./finding.ts";

export interface Examined {
  readonly check: string;
  readonly verdict: "pass" | "warning" | "fail" | "skipped";
  readonly detail: string;
  readonly remedy: string | null;
}

const LEAST_NODE = [22, 12] as const;
const LEAST_FREE_BYTES = 2 ** 30;
/** Tokens are taken within about as much. */
const MOST_SKEW_MS = 30_000;
const TIMEOUT_MS = 10_000;
/** The newest ones. */
const RUNS_LOOKED_AT = 50;

export async function examine(context: Context): Promise<readonly Examined[]> {
  const { io, places } = context;
  const rows: Examined[] = [];
  let meta: Meta | undefined;
  const look = async (check: string, needs: readonly string[], work: () => Promise<Finding> | Finding) => {
    const missing = needs.find((name) => rows.some((row) => row.check === name && isBad(row)));
    if (missing !== undefined) {
      rows.push({ check, verdict: "skipped", detail: `needs the ${missing}`, remedy: null });
      return;
    }
    try {
      const { verdict = "pass", detail, remedy = null } = await work();
      rows.push({ check, verdict, detail, remedy });
    } catch (error) {
      const failure = failureOf(error);
      if (failure === null) throw error;
      const { message, hint = null } = failure.error;
      rows.push({ check, verdict: "fail", detail: message, remedy: hint });
    }
  };

  await look("node", [], () => nodeFinding(process.versions.node));
  await look("settings", [], async () => {
    await writePrivate(`${places.cacheDir}/try`, "");
    return { detail: `${places.configFile}; what is kept meanwhile is in ${places.cacheDir}` };
  });
  await look("disk", [], async () => {
    const { bavail, bsize } = await statfs(io.cwd);
    return diskFinding(bavail * bsize);
  });
  await look("deployment", [], async () => {
    const { apiUrl, profile, from } = await context.connection();
    return { detail: `${apiUrl} (${profile === null ? from : `profile ${profile}, by ${from}`})` };
  });
  await look("identity", ["deployment"], async () => {
    const [{ apiUrl }, { source, token }] = [await context.connection(), await context.identity()];
    return identityFinding(await token(apiUrl), apiUrl, source, io.nowMs());
  });
  await look("api", ["deployment"], async () => reach((await context.connection()).apiUrl));
  await look("clock", ["deployment", "api"], async () => {
    const sentMs = io.nowMs();
    const answer = await ask((await context.connection()).apiUrl);
    return clockFinding(answer.headers.get("date"), (sentMs + io.nowMs()) / 2);
  });
  await look("access", ["deployment", "identity", "api"], async () => {
    const { Meta } = await import("./deploymentFindings.ts");
    meta = (await (await context.api()).call({ method: "GET", path: "/v1/meta" }, Meta)).value;
    return { detail: `the api takes the token of ${meta.caller}` };
  });
  const said = () => {
    if (meta === undefined) throw new FlError("internal", "What needs access comes after it.");
    return meta;
  };
  await look("release", ["access"], async () => {
    const { releaseFinding } = await import("./deploymentFindings.ts");
    return releaseFinding(said(), releaseOfThis());
  });
  await look("watchdog", ["access"], async () => {
    const { watchdogFinding } = await import("./deploymentFindings.ts");
    return watchdogFinding(said(), await isLocal(context));
  });
  let runs: readonly Run[] = [];
  await look("queue", ["access"], async () => {
    const [{ queueFinding }, { Run }] = await Promise.all([
      import("./deploymentFindings.ts"),
      import("../../../shared/core/schemas/run.ts"),
    ]);
    const { items } = await (await context.api()).list("/v1/runs", Run, { limit: RUNS_LOOKED_AT });
    runs = items.map(({ value }) => value);
    return queueFinding(runs, said().now);
  });
  let last: Awaited<ReturnType<typeof lastPlayed>> = null;
  await look("quota", ["access", "queue"], async () => {
    const { quotaFinding } = await import("./deploymentFindings.ts");
    last = await lastPlayed(runs, await context.api());
    return quotaFinding(last);
  });
  await look("backend", ["access", "queue", "quota"], async () => {
    const { backendFinding } = await import("./deploymentFindings.ts");
    return backendFinding(last);
  });
  return rows;
}

/** Whether its identities come from this machine. */
async function isLocal(context: Context): Promise<boolean> {
  const { apiUrl, metadataHost } = await context.connection();
  return metadataHost !== undefined && new URL(apiUrl).hostname === "127.0.0.1";
}

/** The last round of the newest run that has one, and what its clients said; null where there is none. */
async function lastPlayed(runs: readonly Run[], api: Api) {
  const run = runs.find(({ round }) => round > 0);
  if (run === undefined) return null;
  const [{ Round }, { Invocation }] = await Promise.all([
    import("../../../shared/core/schemas/round.ts"),
    import("../../../shared/core/schemas/invocation.ts"),
  ]);
  const path = `/v1/runs/${run.runId}/rounds/${run.round}`;
  const [round, invocations] = await Promise.all([
    api.call({ method: "GET", path }, Round),
    api.list(`${path}/invocations`, Invocation, { limit: 100 }),
  ]);
  return { run, round: round.value, invocations: invocations.items.map(({ value }) => value) };
}

function isBad({ verdict }: Examined): boolean {
  return verdict === "fail" || verdict === "skipped";
}

/** @param version such as 24.21.0 */
export function nodeFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [leastMajor, leastMinor] = LEAST_NODE;
  const detail = `Node ${version}, ${process.arch}`;
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return { detail };
  throw new FlError("failed-precondition", `${detail}: install Node ${leastMajor}.${leastMinor} or newer.`);
}

export function diskFinding(freeBytes: number): Finding {
  const detail = `${(freeBytes / 2 ** 30).toFixed(1)} GiB are free in this folder`;
  if (freeBytes >= LEAST_FREE_BYTES) return { detail };
  return { verdict: "warning", detail, remedy: "downloads and exports of large models may not fit" };
}

/** @throws FlError("unauthenticated") for a token that the api cannot take */
export function identityFinding(token: string, apiUrl: string, source: string, nowMs: number): Finding {
  const { email, aud, exp } = claimsOf(token);
  if (aud !== undefined && aud !== apiUrl) {
    throw new FlError(
      "unauthenticated",
      `The token of ${source} is meant for another audience, ${aud}, and not for ${apiUrl}.`,
    );
  }
  if (exp !== undefined && exp * 1_000 <= nowMs) {
    throw new FlError(
      "unauthenticated",
      `The token of ${source} was good until ${new Date(exp * 1_000).toISOString()}.`,
    );
  }
  const until = exp === undefined ? "" : `, until ${new Date(exp * 1_000).toISOString()}`;
  return { detail: `${email ?? "an account without an e-mail address"} by ${source}${until}` };
}

/** @param date the answer's; @param atMs when it was made, by this machine's clock */
export function clockFinding(date: string | null, atMs: number): Finding {
  const serverMs = Date.parse(date ?? "");
  if (Number.isNaN(serverMs)) return { verdict: "warning", detail: "the api does not say what time it is" };
  // The header has whole seconds, rounded down.
  const seconds = Math.round((atMs - (serverMs + 500)) / 1_000);
  const detail = `this clock is ${Math.abs(seconds)} s ${seconds < 0 ? "behind" : "ahead of"} the api's`;
  if (Math.abs(atMs - (serverMs + 500)) <= MOST_SKEW_MS) return { detail };
  throw new FlError(
    "failed-precondition",
    `${detail}: set it by the network's time, because tokens are refused otherwise.`,
  );
}

async function reach(apiUrl: string): Promise<Finding> {
  const startedMs = performance.now();
  const answer = await ask(apiUrl);
  const json: unknown = await answer.json().catch(() => undefined);
  const { title } = Object(Object(json).info);
  const tookMs = Math.round(performance.now() - startedMs);
  if (answer.ok && title === "FedStratus") {
    return { detail: `answers in ${tookMs} ms; this program is of release ${releaseOfThis()}` };
  }
  if (answer.status === 401 || answer.status === 403) {
    return {
      detail: `it lets nobody in without a token (${answer.status}), as it should; access says whether it takes yours`,
    };
  }
  throw new FlError(
    "failed-precondition",
    `${apiUrl} answered ${answer.status}, and not as the api does: check its address.`,
  );
}

/** The description needs no token. */
async function ask(apiUrl: string): Promise<Response> {
  try {
    return await fetch(`${apiUrl}/openapi.json`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (cause) {
    throw new FlError("unavailable", `Nothing answers at ${apiUrl}.`, { cause });
  }
}
