// Listening on loopback and stopping again, the same for every HTTP server of the local cloud.
import type { Server } from "node:http";

/**
 * Listens on 127.0.0.1 and returns the address as `host:port`. Idle connections are kept longer than any client keeps them, so
 * that a client never sends a request into a connection that is just being closed.
 *
 * @param port 0 picks a free one.
 */
export async function listen(server: Server, port = 0): Promise<string> {
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no TCP address.");
  return `127.0.0.1:${address.port}`;
}

/** Stops listening, cuts the open connections, and resolves when the port is free. Idempotent. */
export async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
