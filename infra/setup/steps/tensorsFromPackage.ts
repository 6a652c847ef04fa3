// Native TensorFlow by the package's own install, which downloads a library from Google's storage.
import type { Show } from "../progress.mjs";
import { rebuildPackage } from "./tensorsPackage.ts";

const reachableTimeoutMs = 5_000;
const installTimeoutMs = 4 * 60_000;

/** Resolves to "" when the install ended well, else to the reason why not. */
export async function installFromPackage(root: string, show: Show): Promise<string> {
  const unreachable = await whyUnreachable();
  if (unreachable !== "") return unreachable;
  return rebuildPackage(root, show, installTimeoutMs);
}

/**
 * A short question first: the install itself has no time limit of its own and hangs where packets are
 * dropped.
 */
async function whyUnreachable(): Promise<string> {
  const { env } = process;
  if (env["HTTPS_PROXY"] ?? env["https_proxy"] ?? env["HTTP_PROXY"] ?? env["http_proxy"]) return "";
  const address = env["TFJS_NODE_CDN_STORAGE"] ?? env["CDN_STORAGE"] ?? "https://storage.googleapis.com/";
  try {
    await fetch(address, { method: "HEAD", signal: AbortSignal.timeout(reachableTimeoutMs) });
    return "";
  } catch {
    // Which of the many ways it failed makes no difference here.
    return `${new URL(address).host} cannot be reached`;
  }
}
