// The Firestore of the local cloud: the official emulator where it can be had, else the embedded server.
import { FlError } from "../../../shared/core/errors.ts";
import type { CallFaults } from "../callFaults.ts";
import type { Service } from "../service.ts";
import type { State } from "../state/state.ts";
import type { UsageMeter } from "../usageMeter.ts";
import { startEmbedded } from "./embedded.ts";
import { findOfficial } from "./findOfficial.ts";
import type { IndexRules } from "./indexes.ts";
import { startOfficial } from "./official.ts";

export interface FirestoreOptions {
  /** "auto": the official emulator if it is found and starts, else the embedded server. */
  readonly implementation: "auto" | "official" | "embedded";
  /** 0 (the default) picks a free one. */
  readonly port?: number;
  /** A folder for what makes the official emulator start faster the next time; made when missing. */
  readonly cacheDir?: string;
  /** For the embedded server, see there; the official emulator has no such setting. */
  readonly transactionIdleMs?: number;
  /** Calls that are to fail; only the embedded server lets them. */
  readonly faults?: CallFaults;
  /** Keeps the documents; the embedded server alone can. */
  readonly state?: State;
  /** Which fields are indexed; the embedded server alone keeps to it. Default: all. */
  readonly indexes?: IndexRules;
  /** Counts operations; the embedded server alone does. */
  readonly meter?: UsageMeter;
  /**
   * Where Java and the Cloud SDK are looked for (PATH, JAVA_HOME, CLOUDSDK_ROOT_DIR); default this process's
   * environment.
   */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface FirestoreService extends Service {
  readonly implementation: "official" | "embedded";
  /** Which one it is and why, for the user: "the embedded server (no Java found)". */
  readonly reason: string;
}

/**
 * Starts a Firestore for any projects and databases, empty unless a state is given.
 *
 * @throws FlError("failed-precondition") when the official one is asked for and what it needs is missing,
 *   or with a state
 * @throws FlError("unavailable") when it does not start, for instance because the port is taken
 */
export async function startFirestore(options: FirestoreOptions): Promise<FirestoreService> {
  const { implementation, state, env = process.env } = options;
  if (implementation === "embedded") return embedded(options, "as asked");
  if (state?.contentsDir !== undefined) {
    if (implementation === "auto") return embedded(options, "the official emulator keeps nothing on disk");
    throw new FlError(
      "failed-precondition",
      "The official Firestore emulator cannot keep what it holds in a data folder: use the embedded server.",
    );
  }
  const search = await findOfficial(env);
  if ("missing" in search) {
    if (implementation === "auto") return embedded(options, search.missing);
    throw new FlError(
      "failed-precondition",
      `The official Firestore emulator cannot be started: ${search.missing}. Install Java (17 or newer) and the ` +
        "emulator with `gcloud components install cloud-firestore-emulator`, or use the embedded server.",
    );
  }
  const { sdkRoot, javaVersion } = search.found;
  try {
    const service = await startOfficial(search.found, options);
    const reason = `the official emulator (Cloud SDK at ${sdkRoot}, Java ${javaVersion})`;
    return { ...service, implementation: "official", reason };
  } catch (error) {
    if (implementation === "official" || !(error instanceof FlError)) throw error;
    return embedded(options, `the official emulator of ${sdkRoot} did not start with Java ${javaVersion}`);
  }
}

async function embedded(options: FirestoreOptions, why: string): Promise<FirestoreService> {
  const { port, transactionIdleMs, faults, state, meter, indexes } = options;
  const service = await startEmbedded({
    ...(port === undefined ? {} : { port }),
    ...(transactionIdleMs === undefined ? {} : { transactionIdleMs }),
    ...(faults === undefined ? {} : { faults }),
    ...(state === undefined ? {} : { state }),
    ...(meter === undefined ? {} : { meter }),
    ...(indexes === undefined ? {} : { indexes }),
  });
  return { ...service, implementation: "embedded", reason: `the embedded server (${why})` };
}
