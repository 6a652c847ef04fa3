// The real client function as a server in this process, which the local cloud calls: what it works with is
// the test's own.
import { createServer, type IncomingMessage } from "node:http";
import { json } from "node:stream/consumers";
import { connectCoordinator } from "../../functions/client/coordinator.ts";
import type { ClientDeps } from "../../functions/client/deps.ts";
import type { ClientEnv } from "../../functions/client/env.ts";
import { clientHandler } from "../../functions/client/handler.ts";
import { download, upload } from "../../functions/client/links.ts";
import { serviceAccount } from "../../infra/box/deployment.ts";
import { close, listen } from "../../infra/box/metadata/listen.ts";
import type { Logger } from "../../shared/core/ports/logger.ts";
import { TASKS, type TaskBody } from "../../shared/core/protocol/tasks.ts";
import type { TestCloud } from "./cloud.ts";
import { accountOf } from "./scriptedClient.ts";
import { sentBody } from "./sentBody.ts";
import { sameSamples } from "./steppingTrainer.ts";
import { wholeReads } from "./wholeReads.ts";

export interface ClientServer {
  /** Of all clients. */
  readonly url: string;
  close(): Promise<void>;
}

export type ClientTask = TaskBody<"invoke">;

/** Beside its trainer whatever is not as usual: eight samples, no bounds, a warm instance. */
type OwnDeps = Pick<ClientDeps, "trainer"> &
  Partial<ClientDeps> & {
    /** Called once the function is done with the task, whatever came of it. */
    readonly onDone?: () => void;
  };

/**
 * @param depsOf what a client works with on its task; null has the call answered, and nothing done.
 * @param kind of what trains in it.
 */
export async function startClientServer(
  cloud: TestCloud,
  depsOf: (task: ClientTask) => OwnDeps | null | Promise<OwnDeps | null>,
  kind: "test" | "tensorflow" = "test",
): Promise<ClientServer> {
  let url = "";
  const serve = async (request: IncomingMessage): Promise<number> => {
    const body = await json(request);
    const task = TASKS.invoke.body.parse(body);
    const given = await depsOf(task);
    if (given === null) return 200;
    const { onDone, ...own } = given;
    const deps: ClientDeps = {
      coordinator: coordinatorFor(cloud, task.clientId),
      ...{ download, downloadShared: wholeReads(download), upload, bounds: {}, log: silentLog },
      nowMs: Date.now,
      readData: async () => sameSamples(),
      takeColdStart: () => null,
      peakRssMib: () => 1,
      ...own,
    };
    const handle = clientHandler(deps, clientEnv(cloud, url, kind));
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
    );
    try {
      const asked = { method: "POST", path: "/", query: {}, headers, readBody: sentBody(body) } as const;
      return (await handle(asked)).status;
    } finally {
      onDone?.();
    }
  };
  const server = createServer((request, response) => {
    void serve(request).then((status) => response.writeHead(status).end());
  });
  url = `http://${await listen(server)}/`;
  return { url, close: () => close(server) };
}

/** The coordinator as a client's function sees it. */
export function coordinatorFor(cloud: TestCloud, clientId: string): ClientDeps["coordinator"] {
  return connectCoordinator(cloud.urls.coordinator, {
    fetchIdToken: (audience) => cloud.token(accountOf(clientId), audience),
    accessToken: () => Promise.reject(new Error("not here")),
  });
}

const silentLog: Logger = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  with: () => silentLog,
};

/** What the client function is told of a local cloud and of itself. */
export function clientEnv(
  { projectId, urls, certsUrl }: TestCloud,
  url: string,
  trainer: ClientEnv["TRAINER"],
): ClientEnv {
  return {
    TASK_INVOKER: serviceAccount("client-invoker", projectId),
    COORDINATOR_URL: urls.coordinator,
    CLIENT_URL: url,
    CLIENT_DATA: "file:///unused",
    MEMORY_MIB: 2_048,
    LINK_ORIGIN: "https://storage.googleapis.com",
    MAX_TOPOLOGY_BYTES: 2 ** 25,
    TENSORS: "auto",
    TRAINER: trainer,
    OIDC_CERTS_URL: certsUrl,
  };
}
