// A client that keeps to the protocol and trains nothing worth it, and the same with one fault: what the
// conformance suite is held to.
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { close, listen } from "../../infra/box/metadata/listen.ts";
import { idTokenSource } from "../../shared/cloud/auth/idTokenSource.ts";
import { verifyIdToken } from "../../shared/cloud/auth/verifyIdToken.ts";
import { FlError } from "../../shared/core/errors.ts";
import { clientStateShape, stateAfter, withLocal } from "../../shared/core/methods/training/clientState.ts";
import { gotShape } from "../../shared/core/methods/training/methodTensors.ts";
import { makeUpdate } from "../../shared/core/methods/update/makeUpdate.ts";
import { CheckGrant } from "../../shared/core/schemas/checkCalls.ts";
import { Grant } from "../../shared/core/schemas/protocol.ts";
import { readTolerantly } from "../../shared/core/schemas/readTolerantly.ts";
import { decodeSafetensors, encodeSafetensors, joinParts } from "../../shared/core/updates/safetensors.ts";
import { tensorsOf, type Weights, weightsOf } from "../../shared/core/updates/weights.ts";
import { scaffolded } from "./plainScaffold.ts";

export type Flaw =
  | "accepts headers"
  | "believes any signature"
  | "breaks off checks"
  | "changes nothing"
  | "claims for another"
  | "claims rounds in checks"
  | "drops headers"
  | "ends where its token is refused"
  | "follows links"
  | "forgets its state"
  | "gives up"
  | "gives up reading"
  | "gives up where answers are lost"
  | "gives up writing"
  | "has no /warm"
  | "hurries"
  | "ignores covers"
  | "ignores encodings"
  | "ignores transforms"
  | "ignores versionState"
  | "insists"
  | "is late"
  | "is strict about keys"
  | "keeps its first model"
  | "leaves out a parameter"
  | "lies about times"
  | "minds receipts"
  | "misreports bytes"
  | "names another version"
  | "never gives up"
  | "repeats what it read"
  | "reports first"
  | "reports no bytes"
  | "reports no steps"
  | "reports what is refused again"
  | "says nothing of its samples"
  | "scores another version"
  | "scores what it trains on"
  | "sends frozen parameters"
  | "sends its token"
  | "sends moves of statistics"
  | "sends weights"
  | "storms"
  | "takes 412 for a failure"
  | "takes an expired link for a failure"
  | "takes any data name"
  | "takes anyone"
  | "tells its stack"
  | "trains nothing in checks"
  | "trains on anything"
  | "turns others away"
  | "works when refused"
  | "writes unknown keys";

type Env = Readonly<Record<string, string>>;
type Json = Readonly<Record<string, unknown>>;

interface Answer {
  readonly status: number;
  readonly body: Buffer;
  readonly retryAfterMs: number;
}

/** An answer to the queue that ends a task, or asks for it again. */
class Ends extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`HTTP ${status}`);
    this.status = status;
  }
}

/** What is reported as a failure. */
class Refuses extends Error {}

const PATIENCE_MS = 2_500;
const FIRST_PAUSE_MS = 300;
/** That it says it has done. */
const STEPS = 4;

export interface PlainClient {
  readonly url: string;
  /** Where it finds the servers; before that it answers 500. */
  connect(env: Env): void;
  stop(): Promise<void>;
}

export async function startPlainClient(flaw?: Flaw): Promise<PlainClient> {
  let client: ((request: IncomingMessage, body: Buffer) => Promise<number>) | undefined;
  const server: Server = createServer((request, response) => {
    void buffer(request)
      .then((body) => client?.(request, body) ?? 500)
      .then(
        (status) => response.writeHead(status).end(),
        () => response.writeHead(500).end(),
      );
  });
  const url = `http://${await listen(server)}`;
  return {
    url,
    connect: (env) => {
      client = clientIn(env, flaw);
    },
    stop: () => close(server),
  };
}

function clientIn(env: Env, flaw: Flaw | undefined) {
  const has = (name: Flaw) => flaw === name;
  const tokens = idTokenSource({ metadataHost: env["GCE_METADATA_HOST"] ?? "" });
  const coordinator = env["COORDINATOR_URL"] ?? "";
  let lastGrant: Buffer | undefined;
  let firstModel: Buffer | undefined;
  let isBusy = false;

  return async (request: IncomingMessage, body: Buffer): Promise<number> => {
    try {
      const [, claims = ""] = /^Bearer [^.]*\.([^.]+)\./.exec(request.headers.authorization ?? "") ?? [];
      const isInvoker =
        has("believes any signature") && claims !== "" && isTokenOf(JSON.parse(textOf(claims)), env);
      if (!has("takes anyone") && !isInvoker) {
        await verifyIdToken(/^Bearer (\S+)$/.exec(request.headers.authorization ?? "")?.[1], {
          audience: env["CLIENT_URL"] ?? "",
          allowed: [env["TASK_INVOKER"] ?? ""],
          certsUrl: env["OIDC_CERTS_URL"] ?? "",
        });
      }
    } catch {
      return 401;
    }
    if (request.url === "/warm") return has("has no /warm") ? 404 : 200;
    try {
      const task = JSON.parse(body.toString("utf8"));
      if (has("turns others away") && isBusy) return 409;
      isBusy = true;
      await (request.url === "/check" ? doCheck(task) : trainTask(task)).finally(() => {
        isBusy = false;
      });
      return 200;
    } catch (error) {
      if (error instanceof Ends) return error.status;
      throw error;
    }
  };

  async function trainTask({ runId, round, clientId }: Json): Promise<void> {
    const place = { runId, round, clientId };
    const asked = {
      ...place,
      coldStart: false,
      release: 4,
      ...(has("writes unknown keys") ? { extra: 1 } : {}),
    };
    const claimed = await call("/claim", asked).catch((error: unknown) => {
      if (has("works when refused") && lastGrant !== undefined) return lastGrant;
      throw error;
    });
    lastGrant = claimed;
    const given: Json = JSON.parse(claimed.toString("utf8"));
    const read = has("takes any data name") ? { ...given, data: undefined } : given;
    const parsed = has("is strict about keys") ? Grant.safeParse(read) : readTolerantly(Grant, read);
    if (!parsed.success) throw new Ends(503);
    const grant = parsed.data;
    let brought: Json;
    const startedMs = Date.now();
    let reported: Promise<Buffer> | undefined;
    const tell = (more: Json) =>
      call("/report", {
        ...place,
        attempt: grant.attempt,
        sentAt: new Date().toISOString(),
        coldStart: false,
        timings: {
          ...{ queueWaitMs: 0, coldStartMs: 0, claimMs: 0, downloadMs: 0, dataMs: 0, uploadMs: 0 },
          trainMs: has("lies about times") ? 86_400_000 : Date.now() - startedMs,
        },
        bytesDown: has("reports no bytes") ? 0 : 1_000_000,
        bytesUp: has("reports no bytes") ? 0 : 1_000_000,
        peakRssMib: 1,
        ...more,
      });
    try {
      brought = await trained(grant, place, (early) => {
        reported = tell(early);
        return reported;
      });
    } catch (error) {
      if (!(error instanceof Refuses)) throw error;
      brought = {
        result: { kind: "failure", failure: { code: "failed-precondition", message: error.message } },
      };
    }
    const receipt = await (reported ?? tell(brought));
    const { status } = JSON.parse(receipt.toString("utf8"));
    if (has("minds receipts") && status !== "reported") throw new Ends(503);
  }

  async function doCheck({ clientId, number }: Json): Promise<void> {
    const place = { clientId, number };
    const claimed = await call("/claim-check", { ...place, release: 4 }).catch((error: unknown) => {
      if (has("works when refused")) return null;
      throw error;
    });
    const grant = claimed && readTolerantly(CheckGrant, JSON.parse(claimed.toString("utf8")));
    const run = grant?.success === true ? grant.data.run : undefined;
    const problems: Json[] = [];
    const steps = run === undefined || has("trains nothing in checks") ? 0 : STEPS;
    try {
      if (run !== undefined) baseOf(await get(run.model), run.parameters);
    } catch (error) {
      if (!(error instanceof Refuses)) throw error;
      problems.push({ code: "failed-precondition", message: error.message });
    }
    if (has("claims rounds in checks")) {
      await call("/claim", { ...place, runId: "conformance", round: 1, coldStart: false, release: 4 }).catch(
        () => null,
      );
    }
    if (has("breaks off checks")) throw new Ends(200);
    await call("/report-check", {
      ...place,
      facts: {
        ...{ release: 4, coldStart: false, coldStartMs: 0, backend: "plain", memoryMib: null, peakRssMib: 1 },
        ...{
          dataMs: 1,
          samples: has("says nothing of its samples") ? null : 10,
          isStream: false,
          inputShape: [4],
          targetShape: [],
          classes: 3,
          rows: null,
        },
        ...{ steps, stepMs: steps === 0 ? null : 1 },
      },
      problems,
    });
  }

  function baseOf(file: Buffer, parameters: Grant["parameters"]): Weights {
    try {
      return weightsOf(decodeSafetensors(file).tensors, parameters);
    } catch (error) {
      if (has("tells its stack") && error instanceof Error)
        throw new Refuses(`${error.stack}`.slice(0, 2_000));
      if (has("repeats what it read"))
        throw new Refuses(`This is no model: ${file.toString("utf8")}`.slice(0, 2_000));
      if (!has("trains on anything")) throw new Refuses("The model cannot be read.");
      return parameters.map(({ name, shape }) => ({
        name,
        shape,
        values: new Float32Array(shape.reduce((a, b) => a * b, 1)),
      }));
    }
  }

  async function trained(
    grant: Grant,
    { round, clientId }: Json,
    early: (brought: Json) => Promise<unknown>,
  ): Promise<Json> {
    const { parameters, training, encoding, transforms, covers, seed } = grant;
    const remembered = has("keeps its first model") ? firstModel : undefined;
    const file = remembered ?? (await get(grant.model));
    firstModel ??= file;
    const base = baseOf(file, parameters);
    const previous = grant.clientState?.previous ?? null;
    const shape = clientStateShape(training, parameters);
    const kept =
      previous === null || has("forgets its state")
        ? null
        : weightsOf(decodeSafetensors(await get(previous.link)).tensors, shape);
    const start = withLocal(base, kept, parameters);
    const isPartial = grant.onDeadline === "submit-partial";
    if (isPartial)
      await sleep(Math.max(0, grant.deadlineAt - Date.now() + (has("is late") ? 2_500 : -1_000)));

    const step = has("changes nothing") ? 0 : 0.01;
    const scaffold =
      training.method === "scaffold"
        ? scaffolded({
            ...{ training, parameters, start, kept, steps: STEPS, step },
            got: await besideVersion(grant),
          })
        : undefined;
    const after =
      scaffold?.after ??
      start.map((weight) => ({ ...weight, values: weight.values.map((value) => value + step) }));
    let clientState: { sizeBytes: number; sha256: string } | undefined;
    if (grant.clientState !== undefined) {
      const state = encodeSafetensors(
        tensorsOf(stateAfter(after, scaffold?.keeps ?? [], training, parameters)),
      );
      await put(grant.clientState.next, state);
      clientState = pointerTo(state);
    }
    const sentModel = has("sends frozen parameters")
      ? parameters.map((parameter) =>
          parameter.role === "frozen" ? { ...parameter, role: undefined } : parameter,
        )
      : parameters;
    const zero = start.map((weight) => ({ ...weight, values: weight.values.map(() => 0) }));
    const isStatistic = (name: string) =>
      has("sends moves of statistics") &&
      parameters.some((one) => one.name === name && one.role === "statistic");
    const sent = after.map((weight, i) =>
      isStatistic(weight.name)
        ? { ...weight, values: weight.values.map((value, k) => value - (start[i]?.values[k] ?? 0)) }
        : weight,
    );
    const left = has("leaves out a parameter") ? sent.slice(1) : sent;
    const update = updateOf(() =>
      makeUpdate(left, has("sends weights") ? zero : start.slice(start.length - left.length), {
        encoding: has("ignores encodings") ? "f32" : encoding,
        transforms: has("ignores transforms") ? undefined : transforms,
        covers: has("ignores covers") ? undefined : covers,
        baseVersion: has("names another version") ? 0 : grant.baseVersion,
        model: has("leaves out a parameter") ? sentModel.slice(1) : sentModel,
        beside: scaffold?.sends,
        seed,
        round: Number(round),
        clientId: String(clientId),
      }),
    );
    const pointer = pointerTo(update);
    const brought = {
      result: {
        kind: "update",
        update: {
          attempt: grant.attempt,
          ...pointer,
          ...(has("misreports bytes") ? { sha256: "0".repeat(64) } : {}),
        },
        training: {
          samples: grant.evaluation === undefined || has("scores what it trains on") ? 10 : 7,
          steps: has("reports no steps") ? 0 : STEPS,
          partial: isPartial,
          lossBefore: 2,
          lossAfter: 1,
          backend: "plain",
        },
        ...(clientState === undefined ? {} : { clientState }),
      },
      ...(grant.evaluation === undefined
        ? {}
        : {
            evaluation: {
              version: has("scores another version") ? 0 : grant.baseVersion,
              samples: 3,
              metrics: { loss: 1 },
            },
          }),
    };
    if (has("reports first")) await early(brought);
    await put(grant.update, update);
    return brought;
  }

  async function besideVersion({ versionState, training, parameters }: Grant): Promise<Weights | null> {
    if (versionState === undefined || has("ignores versionState")) return null;
    return weightsOf(decodeSafetensors(await get(versionState)).tensors, gotShape(training, parameters));
  }

  function check(link: Grant["model"]): void {
    const known = ["content-type", "x-goog-content-length-range", "x-goog-if-generation-match"];
    if (!has("follows links") && new URL(link.url).origin !== env["LINK_ORIGIN"])
      throw new Refuses("It leads elsewhere.");
    if (!has("accepts headers") && Object.keys(link.headers).some((name) => !known.includes(name))) {
      throw new Refuses("It has a header that no link has.");
    }
  }

  async function get(link: Grant["model"]): Promise<Buffer> {
    check(link);
    const { status, body } = await again("GET", () => send("GET", link.url, link.headers, undefined));
    if (status === 400 && has("takes an expired link for a failure")) throw new Refuses("It cannot be read.");
    if (status !== 200) throw new Ends(503);
    return body;
  }

  async function put(link: Grant["model"], file: Uint8Array<ArrayBuffer>): Promise<void> {
    check(link);
    const headers = has("drops headers") ? {} : link.headers;
    const { status } = await again("PUT", () => send("PUT", link.url, headers, file));
    if (status !== 200 && (status !== 412 || has("takes 412 for a failure"))) throw new Ends(503);
  }

  async function call(path: string, json: Json): Promise<Buffer> {
    const { status, body } = await again("POST", async () =>
      send(
        "POST",
        `${coordinator}${path}`,
        {
          authorization: `Bearer ${await tokens.fetchIdToken(has("claims for another") ? `${coordinator}/other` : coordinator)}`,
          "content-type": "application/json",
        },
        new TextEncoder().encode(JSON.stringify(json)),
      ),
    );
    if (status === 200) return body;
    if (has("ends where its token is refused") && status === 401) throw new Ends(200);
    if (has("reports what is refused again") && path === "/report" && status === 409) throw new Ends(503);
    throw new Ends(status === 409 || status === 403 || status === 404 ? 200 : 503);
  }

  async function send(
    method: string,
    url: string,
    headers: Readonly<Record<string, string>>,
    body: Uint8Array<ArrayBuffer> | undefined,
  ): Promise<Answer> {
    const sendsToken = has("sends its token") && !url.startsWith(coordinator);
    const token = sendsToken ? { authorization: `Bearer ${await tokens.fetchIdToken(coordinator)}` } : {};
    try {
      const response = await fetch(url, {
        method,
        headers: { ...headers, ...token },
        redirect: has("follows links") ? "follow" : "manual",
        ...(body === undefined ? {} : { body }),
      });
      const retryAfterMs = Number(response.headers.get("retry-after") ?? 0) * 1_000;
      return { status: response.status, body: Buffer.from(await response.arrayBuffer()), retryAfterMs };
    } catch {
      return { status: 0, body: Buffer.alloc(0), retryAfterMs: 0 };
    }
  }

  /** Tries again what cannot be taken now. */
  async function again(method: string, act: () => Promise<Answer>): Promise<Answer> {
    const untilMs = Date.now() + PATIENCE_MS;
    for (let pauseMs = has("storms") ? 5 : FIRST_PAUSE_MS; ; pauseMs *= has("storms") ? 1 : 2) {
      const answer = await act();
      const refused = answer.status >= 400 && answer.status < 500 && answer.status !== 429;
      const isFinal = answer.status !== 0 && answer.status < 500 && answer.status !== 429;
      if (isFinal && !(refused && has("insists"))) return answer;
      const givesUp =
        has("gives up") ||
        (has("gives up reading") && method === "GET") ||
        (has("gives up writing") && method === "PUT") ||
        (has("gives up where answers are lost") && answer.status === 0);
      if (givesUp) throw new Ends(200);
      if (Date.now() + pauseMs > untilMs) {
        if (has("never gives up") && answer.status >= 500) throw new Ends(200);
        return answer;
      }
      await sleep(has("hurries") ? pauseMs : Math.max(pauseMs, answer.retryAfterMs));
    }
  }
}

/** What the grant asks for may not be possible. */
function updateOf(make: () => readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  try {
    return joinParts(make());
  } catch (error) {
    if (error instanceof FlError) throw new Refuses("What the grant asks for cannot be made.");
    throw error;
  }
}

function textOf(base64: string): string {
  return Buffer.from(base64, "base64url").toString("utf8");
}

/** Whether these claims are the queue's; the signature is not looked at. */
function isTokenOf({ aud, email, exp }: Json, env: Env): boolean {
  return aud === env["CLIENT_URL"] && email === env["TASK_INVOKER"] && Number(exp) * 1_000 > Date.now();
}

function pointerTo(file: Uint8Array) {
  return { sizeBytes: file.byteLength, sha256: createHash("sha256").update(file).digest("hex") };
}
