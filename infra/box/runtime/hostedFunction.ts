// One function of the runtime: its address, its instances and its figures, from start to stop.
import { FlError } from "../../../shared/core/errors.ts";
import { close, listen } from "../metadata/listen.ts";
import { callerCheck } from "./callerCheck.ts";
import type { FunctionStats, LogLine, RequestOutcome, RuntimeEvent } from "./events.ts";
import type { FaultPlan } from "./faults.ts";
import { Front } from "./front.ts";
import type { FunctionSettings, FunctionSpec, FunctionUrls } from "./functionSpec.ts";
import { Instance } from "./instance.ts";
import { Pool } from "./pool.ts";
import type { Reaper } from "./startReaper.ts";
import type { Starts } from "./starts.ts";

export interface HostOptions {
  readonly spec: FunctionSpec;
  readonly settings: FunctionSettings;
  /** The framework's main program. */
  readonly program: string;
  readonly faults: FaultPlan;
  /** A path that is no other's, for an instance's socket. */
  readonly nextSocketPath: () => string;
  readonly reaper: Reaper;
  /** Of all functions whose instances start in turn. */
  readonly starts: Starts;
  /** Of all functions; complete before the first instance starts. */
  readonly urls: FunctionUrls;
  readonly graceMs: number;
  readonly onLog: (line: LogLine) => void;
  readonly onEvent: (event: RuntimeEvent) => void;
}

export class HostedFunction {
  readonly name: string;
  readonly #port: number;
  readonly #pool: Pool;
  readonly #front: Front;
  #checkCaller: ReturnType<typeof callerCheck> | undefined;
  readonly #outcomes: Partial<Record<RequestOutcome, number>> = {};

  constructor(options: HostOptions) {
    const { settings, faults, graceMs, onEvent } = options;
    this.name = settings.name;
    this.#port = options.spec.port ?? 0;
    this.#pool = new Pool({
      settings,
      graceMs,
      onEvent,
      starts: settings.startsInTurn ? options.starts : null,
      start: (id) => startInstance(id, options),
    });
    const { callers } = options.spec;
    this.#front = new Front({
      // Its own address is known once it listens.
      checkCaller:
        callers === undefined
          ? undefined
          : (request) => {
              this.#checkCaller ??= callerCheck(callers, options.urls[settings.name] ?? "");
              return this.#checkCaller(request);
            },
      settings,
      faults,
      pool: this.#pool,
      onRequest: (event) => {
        this.#outcomes[event.outcome] = (this.#outcomes[event.outcome] ?? 0) + 1;
        onEvent(event);
      },
    });
  }

  get stats(): FunctionStats {
    const outcomes = { ...this.#outcomes };
    const requests = Object.values(outcomes).reduce((sum, count) => sum + count, 0);
    return { requests, outcomes, ...this.#pool.stats };
  }

  /** Returns its address as `host:port`. */
  async listen(): Promise<string> {
    try {
      return await listen(this.#front.server, this.#port);
    } catch (cause) {
      throw new FlError("unavailable", `Function ${this.name} cannot listen on port ${this.#port}.`, {
        cause,
      });
    }
  }

  /** Starts the instances that are always kept. */
  fill(): Promise<void> {
    return this.#pool.fill();
  }

  scaleDown(): Promise<void> {
    return this.#pool.scaleDown();
  }

  /** Ends its instances, then its requests, then its port. */
  async stop(): Promise<void> {
    await Promise.all([this.#pool.stop(), this.#front.stop()]);
    await close(this.#front.server);
  }
}

function startInstance(id: string, options: HostOptions): Instance {
  const { spec, settings, program, urls, reaper } = options;
  return new Instance({
    id,
    settings,
    program,
    env: typeof spec.env === "function" ? spec.env(urls) : (spec.env ?? {}),
    socketPath: options.nextSocketPath(),
    onLine: (line) => options.onLog({ function: settings.name, instance: id, line }),
    onSpawn: reaper.guard,
    onExit: reaper.release,
  });
}
