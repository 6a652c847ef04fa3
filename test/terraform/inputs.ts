// Inputs to apply with: the fewest, and such that differ from those in every variable, so that none can be
// ignored unseen.

type Inputs = Readonly<Record<string, unknown>>;

export const fewest = (archivesDir: string) => ({
  project_id: "lab-1234",
  project_number: "123456789012",
  region: "europe-west1",
  operators: ["ada@example.org"],
  archives_dir: archivesDir,
});

/** `archivesDir` must be another folder, with other archives. */
export const everything = (archivesDir: string) => ({
  alert_emails: ["oncall@example.org", "ada@example.org"],
  archives_dir: archivesDir,
  budget: { amount: 70, billing_account: "012345-6789AB-CDEF01" },
  client_accounts: [
    "fedstratus-client@clinic-09.iam.gserviceaccount.com",
    "fedstratus-client@clinic-07.iam.gserviceaccount.com",
  ],
  client_dispatch: { max_concurrent: 77, max_per_second: 33 },
  database_id: "records",
  delete_protection: false,
  function_overrides: {
    api: {
      concurrency: 40,
      max_instances: 6,
      memory_mib: 1_024,
      min_instances: 1,
      timeout_seconds: 90,
      vcpu: 2,
    },
    coordinator: {
      concurrency: 30,
      max_instances: 7,
      memory_mib: 256,
      min_instances: 2,
      timeout_seconds: 70,
      vcpu: 4,
    },
    aggregator: { max_instances: 8, memory_mib: 8_192, min_instances: 3, timeout_seconds: 600, vcpu: 6 },
    evaluator: { max_instances: 9, memory_mib: 16_384, min_instances: 4, timeout_seconds: 700, vcpu: 8 },
    client: { max_instances: 20, memory_mib: 4_096, min_instances: 5, timeout_seconds: 800, vcpu: 2 },
  },
  labels: { team: "oncology", application: "mine" },
  operators: ["bob@example.com", "ci@tools-5678.iam.gserviceaccount.com"],
  point_in_time_recovery: true,
  prefix: "trial-2",
  project_id: "other-5678",
  project_number: "987654321098",
  region: "us-central1",
  require_native_tensors: false,
  runtime: "nodejs22",
  tensorflow_wheel_url: "https://mirror.example.org/tensorflow_cpu.whl?token=a",
  unused_update_days: 14,
  watchdog_schedule: "*/15 * * * *",
});

export const fewestOfSilo = (archive: string, federation: Inputs) => ({
  archive,
  client_id: "clinic-07",
  federation,
  project_id: "clinic-07-data",
  project_number: "210987654321",
  region: "europe-west1",
});

export const everythingOfSilo = (archive: string) => ({
  archive,
  bounds: {
    max_batch_size: 64,
    max_epochs: 5,
    max_label_counts: 10,
    max_topology_bytes: 1_000_000,
    max_train_seconds: 300,
  },
  client_id: "ward-3",
  data_card: { classes: 5, description: "Scans", samples: 900 },
  data_path: "{data}/{clientId}/*.csv",
  data_writers: ["user:eve@ward.example", "group:data@ward.example"],
  delete_protection: false,
  features_path: "features.json",
  federation: {
    coordinator_url: "https://trial-2-coordinator-987654321098.us-central1.run.app",
    task_invoker: "trial-2-client-invoker@other-5678.iam.gserviceaccount.com",
  },
  labels: { team: "ward" },
  limits: { max_instances: 3, memory_mib: 8_192, timeout_seconds: 900, vcpu: 4 },
  prefix: "ward",
  project_id: "ward-3-data",
  project_number: "555666777888",
  region: "us-west2",
  require_native_tensors: false,
  runtime: "nodejs22",
  tensorflow_wheel_url: "http://mirror.ward.example:8080/tensorflow_cpu.whl",
});

/** As arguments of the command. */
export function asArguments(inputs: Inputs): readonly string[] {
  return Object.entries(inputs).map(
    ([name, value]) => `-var=${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
}
