// What a client under test talks to: a coordinator, a storage, the tokens of both sides, and a server that it
// has no business with. Each exchange is a round of its own, and everything that reaches a server is kept.
import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { verifyIdToken } from "../../shared/cloud/auth/verifyIdToken.ts";
import { FlError } from "../../shared/core/errors.ts";
import { CLIENT_CALLS, type ClientCall } from "../../shared/core/protocol/clientCalls.ts";
import type { TaskBody } from "../../shared/core/protocol/tasks.ts";
import { close, listen } from "../box/metadata/listen.ts";
import { startMetadata } from "../box/metadata/startMetadata.ts";

/** What a server of the stage answers; a connection that is cut instead where it is null. */
export interface StageAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface StoredLink {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly expiresAt: number;
}

/** A request that reached a server of the stage. */
export interface Seen {
  readonly to: ClientCall | "storage" | "elsewhere" | "coordinator";
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly atMs: number;
  readonly body: Buffer;
  /** Of a call of the coordinator: whose token it came with, or why it is none. */
  readonly caller?: string;
  readonly tokenProblem?: string;
  /** Of a call of the storage: the object behind the link, where it is one. */
  readonly object?: string;
  /** What is wrong with a call of the storage: it would be refused there. */
  readonly linkProblem?: string;
  readonly answered: number;
}

export interface StorageCall {
  readonly method: string;
  readonly object: string;
}

/** Of the storage. */
export interface StorageAnswer extends StageAnswer {
  /** Whether what was asked for is done all the same: the answer alone is lost. */
  readonly isDone?: boolean;
}

/** What the coordinator answers to a call; the first of a kind has the number 1. */
type CallScript = (seen: Readonly<{ body: unknown; number: number }>) => StageAnswer | null;

/** What the stage does in one exchange; calls that it has nothing for are refused as of an unknown invocation. */
export interface Script {
  readonly calls: Readonly<Partial<Record<ClientCall, CallScript>>>;
  /** In the place of what the storage would answer; undefined leaves it to the storage. */
  storage?(call: StorageCall): StorageAnswer | undefined;
}

export interface Stage {
  readonly coordinatorUrl: string;
  readonly storageUrl: string;
  readonly elsewhereUrl: string;
  readonly clientAccount: string;
  readonly invokerAccount: string;
  /** The environment of the client's process. */
  readonly env: Readonly<Record<string, string>>;
  /** A token of the task queue, or of whom it says; for an hour where nothing else is said. */
  token(
    audience: string,
    of?: { readonly email?: string; readonly expiresInSeconds?: number },
  ): Promise<string>;
  /** Begins an exchange: what comes from now on is its, until the next one. */
  begin(script: Script): { readonly seen: readonly Seen[]; readonly objects: ReadonlyMap<string, Buffer> };
  putObject(name: string, content: Uint8Array): void;
  readLink(name: string): StoredLink;
  writeLink(name: string, maxBytes: number): StoredLink;
  stop(): Promise<void>;
}

export type Task = TaskBody<"invoke">;

const PROJECT = "conformance";
const BUCKET = "fedstratus-models";
const LINK_SECONDS = 900;
const accountOf = (name: string) => `${name}@${PROJECT}.iam.gserviceaccount.com`;

interface KnownLink {
  readonly method: "GET" | "PUT";
  readonly object: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly maxBytes: number;
}

/**
 * @param port the coordinator's; the storage, the tokens, the client's metadata server and the server
 *   elsewhere have the four after it. 0 takes free ones.
 */
export async function startStage(port: number, clientUrl: string): Promise<Stage> {
  const own = (offset: number) => (port === 0 ? 0 : port + offset);
  let script: Script = { calls: {} };
  let seen: Seen[] = [];
  let objects = new Map<string, Buffer>();
  const links = new Map<string, KnownLink>();
  const numbers = new Map<string, number>();
  const count = (what: string) => {
    const number = (numbers.get(what) ?? 0) + 1;
    numbers.set(what, number);
    return number;
  };

  const servers: Server[] = [];
  const serve = async (
    at: number,
    handle: (request: IncomingMessage, body: Buffer) => Promise<StageAnswer | null>,
  ): Promise<string> => {
    const server = createServer((request, response) => {
      void buffer(request)
        .then((body) => handle(request, body))
        .then(
          (answer) => send(response, answer),
          () => response.destroy(),
        );
    });
    servers.push(server);
    return `http://${await listen(server, at)}`;
  };

  const metadata = await startMetadata({ projectId: PROJECT, port: own(2), portOf: async () => own(3) });
  const clientAccount = accountOf("client");
  const invokerAccount = accountOf("client-invoker");
  const kept = (entry: Seen, answer: StageAnswer | null): StageAnswer | null => {
    seen.push({ ...entry, answered: answer?.status ?? 0 });
    return answer;
  };
  const base = (request: IncomingMessage, body: Buffer) => ({
    method: request.method ?? "",
    path: request.url ?? "",
    headers: request.headers,
    atMs: Date.now(),
    body,
    answered: 0,
  });

  const coordinatorUrl: string = await serve(own(0), async (request, body) => {
    const to = callAt(request.url) ?? "coordinator";
    const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
    const caller = await verifyIdToken(token, {
      audience: coordinatorUrl,
      allowed: [clientAccount],
      certsUrl: metadata.certsUrl,
    }).then(
      ({ email }) => ({ caller: email }),
      (error: unknown) => ({ tokenProblem: error instanceof FlError ? error.message : String(error) }),
    );
    const entry: Seen = { ...base(request, body), to, ...caller };
    if (to === "coordinator" || request.method !== "POST") {
      return kept(entry, refusal(404, "not-found", "There is no such method here."));
    }
    if ("tokenProblem" in caller) return kept(entry, refusal(401, "unauthenticated", caller.tokenProblem));
    const answer = script.calls[to]?.({ body: parsed(body), number: count(to) });
    return kept(
      entry,
      answer === undefined ? refusal(404, "not-found", "There is no such invocation.") : answer,
    );
  });

  const storageUrl = await serve(own(1), async (request, body) => {
    const link = links.get(request.url ?? "");
    const entry: Seen = {
      ...base(request, body),
      to: "storage",
      ...(link === undefined ? {} : { object: link.object }),
    };
    const linkProblem = problemOf(request, body, link);
    if (link === undefined || linkProblem !== undefined) {
      return kept({ ...entry, linkProblem: linkProblem ?? "it is no link" }, { status: 403 });
    }
    const scripted = script.storage?.({ method: link.method, object: link.object });
    if (scripted === undefined) return kept(entry, act(link, body));
    if (scripted.isDone === true) act(link, body);
    return kept(entry, scripted);
  });

  const act = ({ method, object }: KnownLink, body: Buffer): StageAnswer => {
    const found = objects.get(object);
    if (method === "GET") return found === undefined ? { status: 404 } : { status: 200, body: found };
    if (found !== undefined) return { status: 412 };
    objects.set(object, body);
    return { status: 200 };
  };

  const elsewhereUrl = await serve(own(4), async (request, body) =>
    // Something that a client which follows the link could go on with.
    kept({ ...base(request, body), to: "elsewhere" }, { status: 200, body: [...objects.values()][0] ?? "" }),
  );

  const link = (
    method: KnownLink["method"],
    object: string,
    headers: KnownLink["headers"],
    maxBytes: number,
  ) => {
    const path = `/${BUCKET}/${object}?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Signature=${randomBytes(16).toString("hex")}`;
    links.set(path, { method, object, headers, maxBytes });
    return { url: `${storageUrl}${path}`, headers, expiresAt: Date.now() + LINK_SECONDS * 1_000 };
  };

  return {
    coordinatorUrl,
    storageUrl,
    elsewhereUrl,
    clientAccount,
    invokerAccount,
    env: {
      COORDINATOR_URL: coordinatorUrl,
      CLIENT_URL: clientUrl,
      TASK_INVOKER: invokerAccount,
      LINK_ORIGIN: storageUrl,
      STORAGE_API_ENDPOINT: storageUrl,
      OIDC_CERTS_URL: metadata.certsUrl,
      GCE_METADATA_HOST: await metadata.identityHost(clientAccount),
    },
    token: (audience, of = {}) => metadata.mintIdToken({ audience, email: invokerAccount, ...of }),
    begin(next) {
      script = next;
      [seen, objects] = [[], new Map()];
      links.clear();
      numbers.clear();
      return { seen, objects };
    },
    putObject: (name, content) => void objects.set(name, Buffer.from(content)),
    readLink: (name) => link("GET", name, {}, 0),
    writeLink: (name, maxBytes) =>
      link(
        "PUT",
        name,
        {
          "content-type": "application/octet-stream",
          "x-goog-content-length-range": `0,${maxBytes}`,
          "x-goog-if-generation-match": "0",
        },
        maxBytes,
      ),
    async stop() {
      await Promise.all(servers.map(close));
      await metadata.stop();
    },
  };
}

/** An error as the coordinator answers it. */
export function refusal(status: number, code: string, message: string, retryAfter?: number): StageAnswer {
  return {
    status,
    body: { error: { code, message } },
    ...(retryAfter === undefined ? {} : { headers: { "retry-after": String(retryAfter) } }),
  };
}

function callAt(path: string | undefined): ClientCall | undefined {
  const known = Object.entries(CLIENT_CALLS).find(([, call]) => call.path === path);
  return known?.[0] as ClientCall | undefined;
}

/** Why Cloud Storage would not do what a signed link is used for here. */
function problemOf(request: IncomingMessage, body: Buffer, link: KnownLink | undefined): string | undefined {
  if (link === undefined) return "its address is not that of a link that was given";
  if (request.method !== link.method) return `it is a ${request.method} of a link to ${link.method}`;
  for (const [name, value] of Object.entries(link.headers)) {
    const sent = request.headers[name];
    if (sent !== value)
      return `its header ${name} is ${JSON.stringify(sent ?? null)}, and the link's ${JSON.stringify(value)}`;
  }
  const added = Object.keys(request.headers).find(
    (name) => name.startsWith("x-goog-") && !Object.hasOwn(link.headers, name),
  );
  if (added !== undefined) return `its header ${added} is not the link's`;
  return body.byteLength > link.maxBytes && link.method === "PUT"
    ? `its body has ${body.byteLength} bytes, and ${link.maxBytes} are allowed`
    : undefined;
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined; // What it is instead is for the case to say.
  }
}

function send(response: ServerResponse, answer: StageAnswer | null): void {
  if (answer === null) {
    response.destroy();
    return;
  }
  const { status, headers = {}, body = "" } = answer;
  const isBytes = Buffer.isBuffer(body) || typeof body === "string";
  const bytes = isBytes ? Buffer.from(body) : Buffer.from(JSON.stringify(body));
  response
    .writeHead(status, {
      ...(isBytes ? {} : { "content-type": "application/json" }),
      "content-length": String(bytes.byteLength),
      ...headers,
    })
    .end(bytes);
}
