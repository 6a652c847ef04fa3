// The part of an MLflow server's REST API that an export calls, with the limits that its documentation names.
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { BATCH_LIMITS } from "../../infra/cli/export/tools/mlflow.ts";

interface Metric {
  readonly key: string;
  readonly value: number;
  readonly timestamp: number;
  readonly step: number;
}

interface StandInRun {
  readonly name: string;
  readonly experiment: string;
  readonly params: Map<string, string>;
  readonly tags: Map<string, string>;
  readonly metrics: Metric[];
  readonly batches: { readonly metrics: number; readonly bytes: number }[];
  status: string;
  endTime: number | null;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** What a server answers that refuses a request. */
class Refused extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const KEY = /^[\w\-. /:]{1,250}$/;

export class MlflowStandIn {
  readonly runs: StandInRun[] = [];
  /** Of the requests, in order; undefined where there was none. */
  readonly authorizations: (string | undefined)[] = [];
  readonly #experiments: string[] = [];
  readonly #failures = new Map<string, Refused>();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      void this.#answer(request).then(({ status, body }) => {
        response.statusCode = status;
        response.end(JSON.stringify(body));
      });
    });
  }

  static async start(): Promise<MlflowStandIn> {
    const made = new MlflowStandIn();
    await new Promise<void>((resolve) => made.#server.listen(0, "127.0.0.1", resolve));
    return made;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next call of this path is refused. */
  failNext(path: string, status: number, message: string): void {
    this.#failures.set(path, new Refused(status, message));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    this.authorizations.push(request.headers.authorization);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    const url = new URL(request.url ?? "", "http://mlflow");
    const path = url.pathname.replace("/api/2.0/mlflow/", "");
    try {
      const failure = this.#failures.get(path);
      this.#failures.delete(path);
      if (failure !== undefined) throw failure;
      const body = bytes.length === 0 ? {} : JSON.parse(bytes.toString("utf8"));
      return { status: 200, body: this.#perform(path, url.searchParams, body, bytes.length) };
    } catch (error) {
      const status = error instanceof Refused ? error.status : 400;
      return { status, body: { error_code: "INVALID_PARAMETER_VALUE", message: String(error) } };
    }
  }

  // biome-ignore lint/suspicious/noExplicitAny: bodies are what the export sends
  #perform(path: string, query: URLSearchParams, body: any, sizeBytes: number): unknown {
    switch (path) {
      case "experiments/get-by-name": {
        const at = this.#experiments.indexOf(query.get("experiment_name") ?? "");
        if (at === -1) throw new Refused(404, "no such experiment");
        return { experiment: { experiment_id: String(at) } };
      }
      case "experiments/create":
        return { experiment_id: String(this.#experiments.push(body.name) - 1) };
      case "runs/create": {
        const experiment = this.#experiments[Number(body.experiment_id)];
        if (experiment === undefined) throw new Refused(404, "no such experiment");
        const run = { name: body.run_name, experiment, status: "RUNNING", endTime: null, batches: [] };
        const made = { ...run, params: new Map(), tags: new Map(), metrics: [] };
        return { run: { info: { run_id: String(this.runs.push(made) - 1) } } };
      }
      case "runs/log-batch":
        return this.#logBatch(this.#run(body.run_id), body, sizeBytes);
      case "runs/update":
        Object.assign(this.#run(body.run_id), { status: body.status, endTime: body.end_time ?? null });
        return {};
      default:
        throw new Refused(404, `no such call: ${path}`);
    }
  }

  #run(id: string): StandInRun {
    const run = this.runs[Number(id)];
    if (run === undefined) throw new Refused(404, "no such run");
    return run;
  }

  #logBatch(
    run: StandInRun,
    {
      metrics,
      params,
      tags,
    }: {
      readonly metrics: readonly Metric[];
      readonly params: readonly { readonly key: string; readonly value: string }[];
      readonly tags: readonly { readonly key: string; readonly value: string }[];
    },
    sizeBytes: number,
  ): unknown {
    const over =
      metrics.length > BATCH_LIMITS.metrics ||
      params.length > BATCH_LIMITS.params ||
      tags.length > BATCH_LIMITS.tags ||
      metrics.length + params.length + tags.length > 1_000 ||
      sizeBytes > 1_048_576;
    if (over) throw new Refused(400, "the batch is too large");
    for (const { key, value } of [...params, ...tags]) {
      if (!KEY.test(key)) throw new Refused(400, `the key ${key} is not allowed`);
      if (value.length > 500) throw new Refused(400, `the value of ${key} is too long`);
    }
    for (const { key, value } of params) {
      if (run.params.has(key)) throw new Refused(400, `the parameter ${key} is there already`);
      run.params.set(key, value);
    }
    for (const { key, value } of tags) run.tags.set(key, value);
    for (const metric of metrics) {
      if (!KEY.test(metric.key)) throw new Refused(400, `the key ${metric.key} is not allowed`);
      if (!Number.isFinite(metric.value)) throw new Refused(400, `${metric.key} is no number`);
      run.metrics.push(metric);
    }
    run.batches.push({ metrics: metrics.length, bytes: sizeBytes });
    return {};
  }
}
