// An environment in which every function connects.

/** Every function's variables; nothing of this is called. */
export const completeEnvironment = {
  GOOGLE_CLOUD_PROJECT: "demo-bundle",
  MODEL_BUCKET: "models",
  TASKS_LOCATION: "local",
  CONTROL_QUEUE: "control",
  CLIENT_QUEUE: "client",
  CLIENT_TASK_INVOKER: "clients@demo-bundle.iam.gserviceaccount.com",
  FIRESTORE_DATABASE: "(default)",
  MEMORY_MIB: "512",
  VCPU: "1",
  TASK_INVOKER: "queue@demo-bundle.iam.gserviceaccount.com",
  OPERATORS: "operator@demo-bundle.iam.gserviceaccount.com",
  API_URL: "https://api.invalid",
  COORDINATOR_URL: "https://coordinator.invalid",
  AGGREGATOR_URL: "https://aggregator.invalid",
  EVALUATOR_URL: "https://evaluator.invalid",
  CLIENT_URL: "https://client.invalid",
  CLIENT_DATA: "file:///nowhere/{clientId}",
  EVALUATION_DATA: "file:///nowhere/evaluation",
  FIRESTORE_EMULATOR_HOST: "127.0.0.1:9",
  METADATA_SERVER_DETECTION: "none",
};
