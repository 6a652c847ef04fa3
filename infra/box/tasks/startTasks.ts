// Cloud Tasks on this machine: the v2 gRPC service, for the unmodified client library.
//
// What it does not do, and production does:
// - App Engine tasks, oauthToken, IAM calls, filters on queues, the v2beta APIs, TLS and who may call it;
// - keep anything unless it is given a state: without one, queues and tasks are gone when it stops;
// - slow a whole queue down after many errors, 429 or 503 (each task honours Retry-After), or ramp up a new
//   or idle queue;
// - follow redirects (a 3xx counts as failed), send X-CloudTasks-TaskRetryReason, delete tasks after 31
//   days, keep the name of a deleted queue taken for days;
// - round back-offs to whole seconds; publish how large a burst may be (ours is a guess from what queues
//   show).
// A duplicate that a fault rule causes counts neither against the rate nor against the concurrency.
import { connect } from "node:net";
import {
  type handleUnaryCall,
  Server,
  ServerCredentials,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { FlError } from "../../../shared/core/errors.ts";
import { CallFaults } from "../callFaults.ts";
import { FOREIGN_HOST, isOwnHost } from "../ownHost.ts";
import type { Service } from "../service.ts";
import { noState, type State } from "../state/state.ts";
import { UsageMeter } from "../usageMeter.ts";
import type { TasksEvent } from "./events.ts";
import type { TaskFaultRule } from "./faults.ts";
import { errorStatus } from "./messages.ts";
import { serviceDefinition } from "./protocol.ts";
import type { QueueConfig } from "./queueConfig.ts";
import type { MintIdToken } from "./queueRunner.ts";
import { TaskService } from "./taskService.ts";

export interface TasksOptions {
  /** 0, the default, picks a free one. */
  readonly port?: number;
  readonly mintIdToken: MintIdToken;
  /**
   * Queues that exist from the start, by full name (`projects/P/locations/L/queues/Q`); settings left out get
   * their defaults.
   */
  readonly queues?: readonly (Partial<QueueConfig> & { readonly name: string })[];
  /** Seed of the faults. Default 0. */
  readonly seed?: number;
  readonly faults?: readonly TaskFaultRule[];
  /** Calls of the service itself that are to fail; default none. */
  readonly callFaults?: CallFaults;
  readonly onEvent?: (event: TasksEvent) => void;
  /** Keeps queues, tasks and taken names; default none. */
  readonly state?: State;
  /** Counts operations. */
  readonly meter?: UsageMeter;
  /** Takes tasks and sends none until `release`, because their targets do not listen yet. Default false. */
  readonly isHeld?: boolean;
  /** Epoch ms; default the machine's. Where it is put forward, `wake` sends what is due by then. */
  readonly nowMs?: () => number;
}

export interface TasksServer extends Service {
  readonly name: "tasks";
  /** Tasks held by the queue of this full name: waiting or on their way. Throws `not-found`. */
  queueDepth(queueName: string): number;
  /**
   * Whether no request is on its way and no task of a running queue is due within this time. Default: at any
   * time.
   */
  idle(withinMs?: number): boolean;
  /** Begins to send, when it was held. */
  release(): void;
  /** Sends what is due now: for a clock that has been put forward. */
  wake(): void;
  /**
   * Sends no more and cuts what is on its way, while calls are still answered; resolves when nothing is left.
   */
  halt(): Promise<void>;
}

/**
 * Starts the service on 127.0.0.1. `stop` cuts the requests on their way; their tasks are lost with all
 * others, or sent again by the next start with the same state.
 *
 * @throws FlError("unavailable") when the port is taken, ("invalid-argument") for settings out of range.
 */
export async function startTasks(options: TasksOptions): Promise<TasksServer> {
  const meter = options.meter ?? new UsageMeter();
  const service = new TaskService({
    mintIdToken: options.mintIdToken,
    seed: options.seed ?? 0,
    faults: options.faults ?? [],
    onEvent: (event) => {
      if (event.kind === "created") meter.tasks({ creates: 1 });
      if (event.kind === "dispatched") meter.tasks({ attempts: 1 });
      options.onEvent?.(event);
    },
    state: options.state ?? noState,
    isHeld: true,
    nowMs: options.nowMs ?? Date.now,
  });
  for (const { name, ...config } of options.queues ?? []) service.addQueue(name, config);
  service.restore();

  const server = new Server();
  server.addService(serviceDefinition(), implementation(service, options.callFaults ?? new CallFaults()));
  const port = await bind(server, options.port ?? 0);
  const address = `127.0.0.1:${port}`;
  if (options.isHeld !== true) service.release();
  let stopped: Promise<void> | undefined;
  return {
    name: "tasks",
    address,
    env: { CLOUD_TASKS_EMULATOR_HOST: address },
    queueDepth: (queueName) => service.runner(queueName).queue.depth,
    idle: (withinMs = Number.POSITIVE_INFINITY) => service.idle(withinMs),
    release: () => service.release(),
    wake: () => service.wake(),
    halt: () => service.stop(),
    stop: () => {
      server.forceShutdown();
      stopped ??= service.stop();
      return stopped;
    },
  };
}

/** What a request may say about its subject. */
interface Addressed {
  readonly name?: string | null;
  readonly parent?: string | null;
  readonly task?: { readonly name?: string | null } | null;
}

function implementation(service: TaskService, faults: CallFaults): UntypedServiceImplementation {
  const handlers = Object.entries(service.calls).map(([name, call]) => {
    const method = `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`;
    const handle: handleUnaryCall<Addressed, object> = (asked, callback) => {
      const { request } = asked;
      if (!isOwnHost(asked.getHost()))
        return callback({ code: status.PERMISSION_DENIED, details: FOREIGN_HOST });
      const fault = faults.strike("tasks", method, () => targetsOf(request));
      try {
        const response = fault?.applied === false ? {} : call(request);
        if (fault === undefined) return callback(null, response);
        const code = status[fault.answer === "lost" ? "UNAVAILABLE" : fault.answer];
        callback({ code, details: `${method} failed, as a fault rule asks.` });
      } catch (error) {
        callback(errorStatus(error));
      }
    };
    return [name, handle];
  });
  return Object.fromEntries(handlers);
}

function targetsOf({ name, parent, task }: Addressed): readonly string[] {
  return [name ?? "", parent ?? "", task?.name ?? ""].filter((each) => each !== "");
}

async function bind(server: Server, port: number): Promise<number> {
  if (port !== 0 && (await answers(port))) {
    throw new FlError("unavailable", `Cloud Tasks cannot listen on port ${port}: it is taken.`);
  }
  return new Promise((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(new FlError("unavailable", `Cloud Tasks cannot listen on port ${port}.`, { cause: error }));
    });
  });
}

/** Asked beforehand, because a failing bindAsync writes to the console. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
