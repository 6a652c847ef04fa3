// The front of one function: takes every request through limits, faults and the pool to an instance, and says
// how it went.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { FlError } from "../../../shared/core/errors.ts";
import type { CallerVerdict } from "./callerCheck.ts";
import type { RequestEvent, RequestOutcome } from "./events.ts";
import type { FaultPlan, FaultRule } from "./faults.ts";
import { type Forwarded, forward, maxBodyBytes } from "./forward.ts";
import type { FunctionSettings } from "./functionSpec.ts";
import type { Lease, Pool } from "./pool.ts";
import { refuse } from "./refuse.ts";

/** Bodies of tasks are small; larger ones are never looked at. */
const maxPeekBytes = 64 * 1024;
/** A broken connection is noticed a moment before the end of the process behind it. */
const exitNoticeMs = 200;

export interface FrontOptions {
  readonly settings: FunctionSettings;
  readonly pool: Pool;
  readonly faults: FaultPlan;
  /** Absent: anybody may call. */
  readonly checkCaller: ((request: IncomingMessage) => Promise<CallerVerdict>) | undefined;
  readonly onRequest: (event: RequestEvent) => void;
}

/** One request on its way: what is learnt about it, for the event at its end. */
interface Visit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly arrivedMs: number;
  readonly gone: AbortSignal;
  replacedHeaders: Readonly<Record<string, string>> | undefined;
  body: Buffer | undefined;
  fault: FaultRule | undefined;
  lease: Lease | undefined;
  queueMs: number | undefined;
}

const outcomeOf: Readonly<Record<Exclude<Forwarded, "withheld">, RequestOutcome>> = {
  answered: "answered",
  "too-large": "too-large",
  "answer-too-large": "answer-too-large",
  "timed-out": "timed-out",
  "instance-lost": "crashed",
  "caller-gone": "caller-gone",
};

export class Front {
  readonly server: Server;
  readonly #options: FrontOptions;
  readonly #visits = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  #untasked = 0;

  constructor(options: FrontOptions) {
    this.#options = options;
    this.server = createServer((request, response) => {
      const visit = this.#visit(request, response).finally(() => this.#visits.delete(visit));
      this.#visits.add(visit);
    });
  }

  /**
   * Lets no request wait any longer for anything but its instance; resolves when the last one is answered.
   */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#visits);
  }

  async #visit(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const closed = new AbortController();
    response.once("close", () => {
      if (!response.writableFinished) closed.abort(); // After a whole answer there is nothing to wait for.
    });
    const visit: Visit = {
      request,
      response,
      arrivedMs: performance.now(),
      gone: AbortSignal.any([closed.signal, this.#stop.signal]),
      replacedHeaders: undefined,
      body: undefined,
      fault: undefined,
      lease: undefined,
      queueMs: undefined,
    };
    const outcome = await this.#outcome(visit);
    if (outcome === "response-lost" || response.headersSent || response.destroyed) {
      if (!response.writableEnded) response.destroy();
    } else if (outcome === "caller-gone") response.destroy();
    else if (outcome !== "answered") await refuse(request, response, outcome);
    this.#emit(visit, outcome);
  }

  async #outcome(visit: Visit): Promise<RequestOutcome> {
    const caller = await this.#options.checkCaller?.(visit.request);
    if (caller?.kind === "unauthenticated" || caller?.kind === "forbidden") return caller.kind;
    visit.replacedHeaders = caller?.replaced;
    if (Number(visit.request.headers["content-length"] ?? 0) > maxBodyBytes) return "too-large";
    try {
      visit.body = this.#looksAt(visit.request) ? await readBody(visit.request) : undefined;
      visit.fault = this.#options.faults.choose({
        function: this.#options.settings.name,
        key: this.#keyOf(visit.request),
        body: parseObject(visit.body),
      });
      if (visit.fault?.kind === "delayed") {
        await sleep(visit.fault.delayMs, undefined, { signal: visit.gone });
      }
      visit.lease = await this.#options.pool.acquire(visit.gone);
    } catch (error) {
      if (visit.response.destroyed) return "caller-gone";
      return error instanceof FlError && error.code === "resource-exhausted" ? "no-instance" : "not-started";
    }
    visit.queueMs = performance.now() - visit.arrivedMs;
    try {
      return await this.#invoke(visit, visit.lease);
    } finally {
      visit.lease.release();
    }
  }

  async #invoke(visit: Visit, lease: Lease): Promise<RequestOutcome> {
    const { fault } = visit;
    if (fault?.kind === "crash-before") {
      await lease.crash();
      return "crashed";
    }
    const restoreSpeed = fault?.kind === "slow" ? lease.instance.slow(fault.factor) : undefined;
    const crash =
      fault?.kind === "crash-during" ? setTimeout(() => void lease.crash(), fault.afterMs) : undefined;
    const forwarded = await forward({
      request: visit.request,
      response: visit.response,
      socketPath: lease.instance.socketPath,
      body: visit.body,
      replaced: visit.replacedHeaders,
      timeoutMs: this.#options.settings.timeoutSeconds * 1_000,
      withhold: fault?.kind === "crash-after" || fault?.kind === "lost-response",
    });
    clearTimeout(crash);
    restoreSpeed?.();
    if (forwarded === "instance-lost") await Promise.race([lease.instance.exited, sleep(exitNoticeMs)]);
    if (forwarded !== "withheld") return outcomeOf[forwarded];
    if (fault?.kind === "lost-response") return "response-lost";
    await lease.crash();
    return "crashed";
  }

  #looksAt({ headers }: IncomingMessage): boolean {
    return (
      this.#options.faults.looksAtBody(this.#options.settings.name) &&
      /\bjson\b/.test(headers["content-type"] ?? "") &&
      Number(headers["content-length"] ?? Number.POSITIVE_INFINITY) <= maxPeekBytes
    );
  }

  /** A task's attempt is known by its headers, whenever it comes; other requests by their order. */
  #keyOf({ headers }: IncomingMessage): string {
    const task = headers["x-cloudtasks-taskname"];
    if (task === undefined) return `#${this.#untasked++}`;
    return `${task}#${headers["x-cloudtasks-taskretrycount"] ?? 0}`;
  }

  #emit(visit: Visit, outcome: RequestOutcome): void {
    const { request, response, lease, fault, arrivedMs } = visit;
    const durationMs = performance.now() - arrivedMs;
    const task = request.headers["x-cloudtasks-taskname"];
    this.#options.onRequest({
      kind: "request",
      function: this.#options.settings.name,
      instance: lease?.instance.id ?? null,
      method: request.method ?? "",
      path: request.url ?? "",
      task: typeof task === "string" ? task : null,
      outcome,
      status: response.headersSent ? response.statusCode : null,
      coldStart: lease?.coldStart ?? false,
      queueMs: visit.queueMs ?? durationMs,
      durationMs,
      fault: fault?.kind ?? null,
    });
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = await request.toArray();
  return Buffer.concat(chunks);
}

function parseObject(body: Buffer | undefined): Readonly<Record<string, unknown>> | undefined {
  if (body === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined; // Not JSON after all: the function will say so; no rule matches it.
  }
}
