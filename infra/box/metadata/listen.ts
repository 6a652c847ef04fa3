// Listening on loopback and stopping again, the same for every HTTP server of the local cloud.
import type { RequestListener, Server } from "node:http";
import { FOREIGN_HOST, isOwnHost } from "../ownHost.ts";

/**
 * Listens on 127.0.0.1 and returns the address as `host:port`. Idle connections are kept longer than any
 * client keeps them, so that a client never sends a request into a connection that is just being closed. A
 * request that was sent to another name than loopback's is answered 421 and reaches no listener of the
 * server.
 *
 * @param port 0 picks a free one.
 */
export async function listen(server: Server, port = 0): Promise<string> {
  server.keepAliveTimeout = 120_000;
  guard(server);
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

function guard(server: Server): void {
  const listeners = server.listeners("request") as RequestListener[];
  server.removeAllListeners("request");
  server.on("request", (request, response) => {
    const hosts = request.headersDistinct["host"] ?? [];
    if (hosts.length === 1 && isOwnHost(hosts[0])) {
      for (const listener of listeners) listener.call(server, request, response);
      return;
    }
    request.resume();
    response.writeHead(421, { "content-type": "text/plain", connection: "close" }).end(`${FOREIGN_HOST}\n`);
  });
}

/** Stops listening, cuts the open connections, and resolves when the port is free. Idempotent. */
export async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
