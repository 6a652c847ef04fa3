// Connects a function to the database, the bucket and the queues that its environment names. Libraries load here, in
// parallel, on the first request.
import type { ObjectStore } from "../core/ports/objectStore.ts";
import type { Store } from "../core/ports/store.ts";
import type { TaskQueue } from "../core/ports/taskQueue.ts";
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
  readonly CLIENT_QUEUE: string;
  readonly TASK_INVOKER: string;
  readonly CLIENT_TASK_INVOKER?: string | undefined;
  readonly CLOUD_TASKS_EMULATOR_HOST?: string | undefined;
}

export function storeOf(env: StoreEnv): Promise<Store> {
  return connectStore({ projectId: env.GOOGLE_CLOUD_PROJECT, databaseId: env.FIRESTORE_DATABASE });
}

export async function objectsOf(env: BucketEnv): Promise<ObjectStore> {
  return connectObjects({
    bucket: env.MODEL_BUCKET,
    projectId: env.GOOGLE_CLOUD_PROJECT,
    ...(env.STORAGE_API_ENDPOINT === undefined ? {} : { apiEndpoint: env.STORAGE_API_ENDPOINT }),
    ...(env.SIGN_BLOB_ENDPOINT === undefined ? {} : { signBlobEndpoint: env.SIGN_BLOB_ENDPOINT }),
  });
}

export async function queueOf(env: QueueEnv): Promise<TaskQueue> {
  return connectTasks({
    projectId: env.GOOGLE_CLOUD_PROJECT,
    location: env.TASKS_LOCATION,
    queues: { control: env.CONTROL_QUEUE, client: env.CLIENT_QUEUE },
    invokerEmails: { control: env.TASK_INVOKER, client: env.CLIENT_TASK_INVOKER ?? env.TASK_INVOKER },
    ...(env.CLOUD_TASKS_EMULATOR_HOST === undefined ? {} : { emulatorHost: env.CLOUD_TASKS_EMULATOR_HOST }),
  });
}
