// A port on the loopback interface without a listener.
import { once } from "node:events";
import { createServer } from "node:net";
import { FlError } from "../../../shared/core/errors.ts";

export const host = "127.0.0.1";

/**
 * The port asked for if it is free, any free one for 0. Others may still take it before it is used.
 *
 * @throws FlError("unavailable") when it is taken
 */
export async function freePort(port = 0): Promise<number> {
  const server = createServer().listen(port, host);
  try {
    await once(server, "listening");
  } catch (cause) {
    throw new FlError("unavailable", `Firestore cannot listen on ${host}:${port}: the port is taken.`, {
      cause,
    });
  }
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : port;
}
