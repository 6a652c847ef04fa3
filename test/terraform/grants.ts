// The grants of a deployment and of a silo, whole: what a plan has to hold, no more and no less.
import { type PlannedResource, valuesAt } from "../../infra/terraform/planRules.ts";

type Grants = Readonly<Record<string, readonly string[]>>;

/**
 * By role and resource, who has it: service accounts of the project without its prefix, others as they are.
 */
export const deploymentGrants: Grants = {
  "roles/logging.logWriter on the project": ["build"],
  'roles/datastore.user where resource.name == "projects/lab-1234/databases/fedstratus"': [
    "api",
    "coordinator",
    "aggregator",
    "evaluator",
  ],
  'roles/storage.objectViewer where resource.name.startsWith("projects/_/buckets/gcf-v2-sources-")': [
    "build",
  ],
  "roles/artifactregistry.writer on fedstratus": ["build"],
  "roles/storage.objectViewer on lab-1234-fedstratus-models": ["api"],
  "roles/storage.objectCreator on lab-1234-fedstratus-models": ["api"],
  "roles/storage.objectUser on lab-1234-fedstratus-models": ["coordinator", "aggregator", "evaluator"],
  "roles/storage.objectUser on lab-1234-fedstratus-data": ["operator"],
  "roles/storage.objectViewer on lab-1234-fedstratus-data/clients/": ["client"],
  "roles/storage.objectViewer on lab-1234-fedstratus-data/evaluation/": ["evaluator"],
  "roles/cloudtasks.enqueuer on fedstratus-control": ["api", "coordinator", "aggregator", "evaluator"],
  "roles/cloudtasks.viewer on fedstratus-control": ["coordinator"],
  "roles/cloudtasks.enqueuer on fedstratus-client": ["coordinator"],
  "roles/cloudtasks.taskDeleter on fedstratus-client": ["coordinator"],
  "roles/cloudtasks.viewer on fedstratus-client": ["coordinator"],
  "roles/iam.serviceAccountUser on control-invoker": ["api", "coordinator", "aggregator", "evaluator"],
  "roles/iam.serviceAccountUser on client-invoker": ["coordinator"],
  "roles/iam.serviceAccountTokenCreator on api": ["api"],
  "roles/iam.serviceAccountTokenCreator on coordinator": ["coordinator"],
  "roles/iam.serviceAccountTokenCreator on operator": ["user:ada@example.org"],
  "roles/run.invoker on fedstratus-api": ["operator"],
  "roles/run.invoker on fedstratus-coordinator": ["control-invoker", "client"],
  "roles/run.invoker on fedstratus-aggregator": ["control-invoker"],
  "roles/run.invoker on fedstratus-evaluator": ["control-invoker"],
  "roles/run.invoker on fedstratus-client": ["client-invoker"],
};

export const siloGrants: Grants = {
  "roles/logging.logWriter on the project": ["build"],
  'roles/storage.objectViewer where resource.name.startsWith("projects/_/buckets/gcf-v2-sources-")': [
    "build",
  ],
  "roles/artifactregistry.writer on fedstratus": ["build"],
  "roles/storage.objectViewer on clinic-07-data-fedstratus-data": ["client"],
  "roles/run.invoker on fedstratus-client": [
    "serviceAccount:fedstratus-client-invoker@lab-1234.iam.gserviceaccount.com",
  ],
};

/** Where a plan's grants differ from the table. */
export function grantDifferences(
  resources: readonly PlannedResource[],
  projectId: string,
  wanted: Grants,
): readonly string[] {
  const planned = resources
    .filter(({ type }) => type.includes("_iam_") && !type.endsWith("_iam_binding"))
    .map((resource) => {
      const member = String(resource.values["member"])
        .replace("serviceAccount:fedstratus-", "")
        .replace(`@${projectId}.iam.gserviceaccount.com`, "");
      const named = member.includes("@") ? String(resource.values["member"]) : member;
      return `${resource.values["role"]} ${place(resource)}: ${named}`;
    });
  const expected = Object.entries(wanted).flatMap(([grant, members]) =>
    members.map((member) => `${grant}: ${member}`),
  );
  return [
    ...expected.filter((line) => !planned.includes(line)).map((line) => `dropped grant: ${line}`),
    ...planned.filter((line) => !expected.includes(line)).map((line) => `further grant: ${line}`),
  ];
}

/**
 * What it is granted on. An account's id is known after apply; until then, the key of the resource begins
 * with it.
 */
function place({ address, type, values }: PlannedResource): string {
  const [condition] = valuesAt(values, ["condition", "expression"]);
  if (condition !== undefined) return `where ${condition}`;
  if (type === "google_project_iam_member") return "on the project";
  if (type === "google_service_account_iam_member") return `on ${/\["(\S+) /.exec(address)?.[1]}`;
  const { bucket, managed_folder: folder, name, repository, service } = values;
  return `on ${bucket === undefined ? (name ?? repository ?? service) : [bucket, folder].filter(Boolean).join("/")}`;
}
