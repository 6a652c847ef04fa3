// The real client function answers a task, in process: what it works with is the test's own.
import type { IncomingMessage } from "node:http";
import { clientHandler } from "../../functions/client/handler.ts";
import { serviceAccount } from "../../infra/box/deployment.ts";
import type { TestCloud } from "./cloud.ts";
import { sentBody } from "./sentBody.ts";

/**
 * @param body of the request, which has been read
 * @param at the client's own address, and what trains in it; the trainer of tests where nothing is said
 * @returns the status of its answer
 */
export async function answerAsClient(
  cloud: TestCloud,
  request: IncomingMessage,
  body: unknown,
  deps: Parameters<typeof clientHandler>[0],
  { url, trainer = "test" }: { readonly url: string; readonly trainer?: "test" | "tensorflow" },
): Promise<number> {
  const handle = clientHandler(deps, {
    TASK_INVOKER: serviceAccount("client-invoker", cloud.projectId),
    COORDINATOR_URL: cloud.urls.coordinator,
    CLIENT_URL: url,
    CLIENT_DATA: "file:///unused",
    MEMORY_MIB: 2_048,
    LINK_ORIGIN: "https://storage.googleapis.com",
    MAX_TOPOLOGY_BYTES: 2 ** 25,
    TENSORS: "auto",
    TRAINER: trainer,
    OIDC_CERTS_URL: cloud.certsUrl,
  });
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
  );
  return (await handle({ method: "POST", path: "/", query: {}, headers, readBody: sentBody(body) })).status;
}
