// Registers clients, some at a time: each is a call to the one instance of the api.
import type { ApiClient } from "./apiClient.ts";

type Registration = Parameters<ApiClient["register"]>[0];

const AT_ONCE = 5;

/** @throws what the first call that fails throws, or the reason of the signal */
export async function registerAll(
  api: Pick<ApiClient, "register">,
  registrations: readonly Registration[],
  signal: AbortSignal,
): Promise<void> {
  for (let start = 0; start < registrations.length; start += AT_ONCE) {
    signal.throwIfAborted();
    await Promise.all(registrations.slice(start, start + AT_ONCE).map((one) => api.register(one)));
  }
}
