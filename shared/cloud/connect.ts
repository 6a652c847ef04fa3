// Connects a function to the database, the bucket and the queues that its environment names. Each library
// loads with the first call that needs it.
import type { Logger } from "../core/ports/logger.ts";
import type { ObjectStore, ProtocolObjects } from "../core/ports/objectStore.ts";
import type { Store } from "../core/ports/store.ts";
import type { TaskQueue } from "../core/ports/taskQueue.ts";
import {
  type Calls,
  callsOf,
  type Dispatch,
  type DispatchMissing,
  dispatcher,
  missingDispatcher,
} from "./dispatch.ts";
import { createLogger } from "./log.ts";
import { connectObjects } from "./objects/connectObjects.ts";
import { connectStore } from "./store/firestoreStore.ts";
import { connectTasks } from "./tasks/connectTasks.ts";

interface StoreEnv {
  readonly GOOGLE_CLOUD_PROJECT: string;
  readonly FIRESTORE_DATABASE: string;
}

interface BucketEnv {
  readonly GOOGLE_CLOUD_PROJECT: string;
  readonly MODEL_BUCKET: string;
  readonly STORAGE_API_ENDPOINT?: string | undefined;
  readonly SIGN_BLOB_ENDPOINT?: string | undefined;
}

interface QueueEnv {
  readonly GOOGLE_CLOUD_PROJECT: string;
  readonly TASKS_LOCATION: string;
  readonly CONTROL_QUEUE: string;
  readonly TASK_INVOKER: string;
  /** Of the function that calls clients, as is the invoker. */
  readonly CLIENT_QUEUE?: string;
  readonly CLIENT_TASK_INVOKER?: string;
  readonly CLOUD_TASKS_EMULATOR_HOST?: string | undefined;
}

export interface PlatformEnv extends StoreEnv, BucketEnv, QueueEnv {
  readonly COORDINATOR_URL: string;
  readonly AGGREGATOR_URL?: string;
  readonly EVALUATOR_URL?: string;
}

/** What every function of the operator's project works with. */
export interface Platform {
  readonly store: Store;
  readonly objects: ProtocolObjects;
  readonly dispatch: Dispatch;
  readonly log: Logger;
  readonly nowMs: () => number;
}

/** @param name of the function, for its log. */
export function connectPlatform(
  env: PlatformEnv,
  name: string,
): Platform & { readonly dispatchMissing: DispatchMissing; readonly calls: Calls } {
  const queue = queueOf(env);
  const urls = {
    coordinator: env.COORDINATOR_URL,
    ...(env.AGGREGATOR_URL === undefined ? {} : { aggregator: env.AGGREGATOR_URL }),
    ...(env.EVALUATOR_URL === undefined ? {} : { evaluator: env.EVALUATOR_URL }),
  };
  const log = createLogger({ function: name });
  return {
    store: connectStore({
      projectId: env.GOOGLE_CLOUD_PROJECT,
      databaseId: env.FIRESTORE_DATABASE,
      onUnreadable: ({ path, reason }) => log.error("document left out", { document: path, reason }),
    }),
    objects: objectsOf(env),
    dispatch: dispatcher(queue, urls),
    dispatchMissing: missingDispatcher(queue, urls),
    calls: callsOf(queue, urls),
    log,
    nowMs: Date.now,
  };
}

function objectsOf(env: BucketEnv): ObjectStore {
  return connectObjects({
    bucket: env.MODEL_BUCKET,
    projectId: env.GOOGLE_CLOUD_PROJECT,
    ...(env.STORAGE_API_ENDPOINT === undefined ? {} : { apiEndpoint: env.STORAGE_API_ENDPOINT }),
    ...(env.SIGN_BLOB_ENDPOINT === undefined ? {} : { signBlobEndpoint: env.SIGN_BLOB_ENDPOINT }),
  });
}

function queueOf(env: QueueEnv): TaskQueue {
  return connectTasks({
    projectId: env.GOOGLE_CLOUD_PROJECT,
    location: env.TASKS_LOCATION,
    queues: {
      control: env.CONTROL_QUEUE,
      ...(env.CLIENT_QUEUE === undefined ? {} : { client: env.CLIENT_QUEUE }),
    },
    invokerEmails: {
      control: env.TASK_INVOKER,
      ...(env.CLIENT_TASK_INVOKER === undefined ? {} : { client: env.CLIENT_TASK_INVOKER }),
    },
    ...(env.CLOUD_TASKS_EMULATOR_HOST === undefined ? {} : { emulatorHost: env.CLOUD_TASKS_EMULATOR_HOST }),
  });
}
