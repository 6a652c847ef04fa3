// Finds what the official emulator needs: Java, and the emulator's component of a Google Cloud SDK.
import { execFile } from "node:child_process";
import { access, constants, realpath } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";

export interface OfficialEmulator {
  readonly javaPath: string;
  /** As Java says it, such as "17.0.15". */
  readonly javaVersion: string;
  readonly sdkRoot: string;
  readonly jarPath: string;
}

/** Either what was found, or what is missing: a clause for the user. */
export type Search = { readonly found: OfficialEmulator } | { readonly missing: string };

type Environment = Readonly<Record<string, string | undefined>>;

const run = promisify(execFile);
const runTimeoutMs = 20_000;
const emulatorJar = join("platform", "cloud-firestore-emulator", "cloud-firestore-emulator.jar");
const usualRoots = [
  join(homedir(), "google-cloud-sdk"),
  "/usr/lib/google-cloud-sdk",
  "/usr/share/google-cloud-sdk",
  "/usr/local/google-cloud-sdk",
  "/usr/local/share/google-cloud-sdk",
  "/opt/google-cloud-sdk",
  "/opt/homebrew/share/google-cloud-sdk",
  "/snap/google-cloud-cli/current",
];

/** @param env  PATH, JAVA_HOME and CLOUDSDK_ROOT_DIR are looked at */
export async function findOfficial(env: Environment): Promise<Search> {
  if (process.platform === "win32") return { missing: "the official emulator is not started on Windows" };
  const javaPath =
    (await executable(env["JAVA_HOME"] && join(env["JAVA_HOME"], "bin", "java"))) ??
    (await onPath("java", env));
  if (javaPath === undefined) return { missing: "no Java found" };
  const javaVersion = await versionOf(javaPath);
  if (javaVersion === undefined) return { missing: `the Java at ${javaPath} does not run` };
  const gcloud = await onPath("gcloud", env);
  const roots = [env["CLOUDSDK_ROOT_DIR"], gcloud && dirname(dirname(await realpath(gcloud))), ...usualRoots];
  for (const sdkRoot of roots) {
    const found = sdkRoot && (await emulatorIn(sdkRoot));
    if (found) return { found: { ...found, javaPath, javaVersion } };
  }
  if (gcloud === undefined) return { missing: "no Google Cloud SDK found" };
  // A gcloud that is a wrapper script knows the place itself; asking takes more than a second.
  const sdkRoot = await rootAccordingTo(gcloud);
  const found = sdkRoot && (await emulatorIn(sdkRoot));
  if (found) return { found: { ...found, javaPath, javaVersion } };
  return { missing: `the Google Cloud SDK of ${gcloud} lacks the component cloud-firestore-emulator` };
}

async function emulatorIn(sdkRoot: string): Promise<{ sdkRoot: string; jarPath: string } | undefined> {
  const jarPath = join(sdkRoot, emulatorJar);
  return (await isAccessible(jarPath, constants.R_OK)) ? { sdkRoot, jarPath } : undefined;
}

async function onPath(command: string, env: Environment): Promise<string | undefined> {
  for (const folder of (env["PATH"] ?? "").split(delimiter).filter(Boolean)) {
    const path = await executable(join(folder, command));
    if (path !== undefined) return path;
  }
  return undefined;
}

async function executable(path: string | undefined): Promise<string | undefined> {
  return path && (await isAccessible(path, constants.X_OK)) ? path : undefined;
}

function isAccessible(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}

/** Undefined when it does not run, as the placeholder of macOS without a Java behind it. */
async function versionOf(javaPath: string): Promise<string | undefined> {
  try {
    const { stderr } = await run(javaPath, ["-version"], { timeout: runTimeoutMs });
    return /version "([^"]+)"/.exec(stderr)?.[1];
  } catch {
    return undefined; // What is wrong with it is for its owner to find out; here it only cannot be used.
  }
}

async function rootAccordingTo(gcloud: string): Promise<string | undefined> {
  try {
    const question = ["info", "--format=value(installation.sdk_root)"];
    return (await run(gcloud, question, { timeout: runTimeoutMs })).stdout.trim() || undefined;
  } catch {
    return undefined; // A gcloud that does not answer is as good as none.
  }
}
