// The only place that touches the functions framework: it starts our function by its name, and our listener
// takes its requests.
import nodeHttp from "node:http";
import { http } from "@google-cloud/functions-framework";
import { createLogger } from "../cloud/log.ts";
import { NEEDS_PERSON } from "../core/errors.ts";
import { createDrain } from "./drain.ts";
import { requestListener } from "./listener.ts";
import type { Handler } from "./message.ts";

/**
 * Registers a function under its deployed name. `connect` runs once, on the first request: what is loaded
 * before that is the cold start. A failed connect is tried again by the next request.
 *
 * @param whyNot why the function must not start, for the log of the deployment that fails thereby; "" where
 *   it may
 */
export function serve(name: string, connect: () => Promise<Handler>, whyNot = ""): void {
  const log = createLogger({ function: name });
  if (whyNot !== "") {
    log.error(NEEDS_PERSON, { code: "failed-precondition", reason: whyNot });
    process.exit(1);
  }
  let handler: Promise<Handler> | null = null;
  listenInstead(
    requestListener({
      handler: () => {
        handler ??= connect().catch((error: unknown) => {
          handler = null;
          // The caller is not known yet: problems of the deployment go to the log only.
          throw new Error("The function cannot start.", { cause: error });
        });
        return handler;
      },
      onError: (error) => log.error("request failed", { error }),
      begin: createDrain().begin,
    }),
  );
  http(name, () => {
    throw new Error("The functions framework creates its server in a way that this code does not support.");
  });
}

/**
 * The framework would read, inflate and parse every body, up to 1 GiB of it, before it calls a function: any
 * caller that reaches the function could end it. The server that it makes next is given our listener in the
 * place of its own.
 */
function listenInstead(listener: nodeHttp.RequestListener): void {
  const { createServer } = nodeHttp;
  Reflect.set(nodeHttp, "createServer", () => {
    Reflect.set(nodeHttp, "createServer", createServer);
    return createServer(listener);
  });
}
