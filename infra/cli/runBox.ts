// `npm run box`: the local cloud alone, with one client function that trains for any client, until it is
// interrupted.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Box, type BoxOptions, clientAccount, startBox } from "../box/box.ts";
import { keptBundles } from "../bundle/keptBundles.ts";
import { writeBoxFile } from "./boxFile.ts";
import { describeEndpoints } from "./endpoints.ts";
import { requireFolder, requireTemporaryFolder } from "./files.ts";
import { interruption } from "./interruption.ts";

/**
 * Register clients with its address and account; it reads
 * gs://fedstratus-data/clients/{clientId}.safetensors.
 */
const CLIENT = "client";
/**
 * This machine's share of what a deployment may start; the queues call no more at once, because calls beyond
 * are refused.
 */
const CLIENT_INSTANCES = 10;

export interface BoxCommandOptions {
  readonly firestore: BoxOptions["firestore"];
  /** Keeps everything; absent: nothing is kept. */
  readonly data?: string;
}

/** @param bundles makes the functions, or finds them made */
export async function runBox(options: BoxCommandOptions, bundles = keptBundles): Promise<number> {
  requireTemporaryFolder();
  requireFolder("--data", options.data, 0o700);
  const stop = interruption();
  const root = fileURLToPath(new URL("../../", import.meta.url));
  let box: Box | null = null;
  try {
    const made = await bundles();
    stop.signal.throwIfAborted();
    box = await startBox({
      firestore: options.firestore,
      bundles: made,
      clientFunctions: [{ name: CLIENT, clientId: "all", shape: { maxInstances: CLIENT_INSTANCES } }],
      queueSettings: { maxConcurrentDispatches: CLIENT_INSTANCES },
      cacheDir: join(root, ".cache"),
      ...(options.data === undefined ? {} : { dataDir: options.data }),
      onLog: ({ instance, line }) => process.stderr.write(`${instance} ${line}\n`),
    });
    process.stdout.write(
      `${describeEndpoints(box, await box.operatorToken(box.apiUrl), clientVariables(box, CLIENT))}\n`,
    );
    if (options.data !== undefined) {
      await writeBoxFile(options.data, box);
      process.stdout.write(`Everything is kept in ${options.data}: --data with it goes on from here.\n`);
    }
    await untilAborted(stop.signal);
    return 0;
  } catch (error) {
    // The signal ends the bundler, too, which says no more than that it was stopped.
    if (!stop.signal.aborted) throw error;
    process.stderr.write("Interrupted.\n");
    return stop.exitCode();
  } finally {
    await box?.stop();
    stop.dispose();
  }
}

/** What clients need: those of the cloud's client function, and those that run beside it as its account. */
export function clientVariables(box: Box, name: string): Readonly<Record<string, string>> {
  return {
    CLIENT_URL: box.runtime.url(name),
    CLIENT_ACCOUNT: clientAccount(name),
    // For clients that run beside the cloud, as the same account.
    COORDINATOR_URL: box.runtime.url("coordinator"),
    CLIENT_INVOKER: clientAccount("client-invoker"),
    CLIENT_METADATA_HOST: box.envAs(name)["GCE_METADATA_HOST"] ?? "",
  };
}

export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
