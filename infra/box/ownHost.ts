// Whose name a request was sent to. A web page whose name was made to point at this machine (DNS rebinding)
// sends its own: it gets no token, no data and no task from the local cloud.

/**
 * Whether a Host header, or the authority of a gRPC call, names this machine's loopback, with any port or
 * none.
 */
export function isOwnHost(host: string | undefined): boolean {
  const name = /^(\[[^\]]*\]|[^:]*)(:\d{1,5})?$/.exec(host ?? "")?.[1]?.toLowerCase();
  if (name === undefined) return false;
  return name === "localhost" || name === "[::1]" || /^127(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/.test(name);
}

/** The message that the caller gets. */
export const FOREIGN_HOST = "This server of the local cloud answers to localhost and 127.0.0.1 only.";
