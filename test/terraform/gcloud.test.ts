// The first round with the real gcloud: what it asks of the IAM Credentials API and of Cloud Storage is
// answered on the loopback interface, by the rights that the plan grants.
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PlannedResource } from "../../infra/terraform/planRules.ts";
import { runScript } from "./scripts.ts";
import { configuration, openBench, plan, resourcesOf, rootVariables } from "./support.ts";

const missing = ["gcloud", "jq"].filter((name) => spawnSync(name, ["--version"]).error !== undefined);
const reason = missing.length === 0 ? "" : `: NOT TESTED, there is no ${missing.join(", no ")} here`;

const OPERATOR = "fedstratus-operator@lab-1234.iam.gserviceaccount.com";
const API_URL = "https://fedstratus-api-123456789012.europe-west1.run.app";

/** What the roles allow of that which is asked here; from the reference of IAM's roles. */
const permissions: Readonly<Record<string, readonly string[]>> = {
  "roles/iam.serviceAccountTokenCreator": ["generateAccessToken", "generateIdToken"],
  "roles/iam.serviceAccountOpenIdTokenCreator": ["generateIdToken"],
  "roles/storage.objectUser": ["objects.create", "objects.get", "objects.list"],
  "roles/storage.objectViewer": ["objects.get", "objects.list"],
};

const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

describe.skipIf(missing.length > 0)(`the real gcloud${reason}`, () => {
  let resources: readonly PlannedResource[];
  let server: Server;
  let folder: string;
  let env: Readonly<Record<string, string>>;
  let asked: string[] = [];

  const isGranted = (member: string, permission: string, on: (resource: PlannedResource) => boolean) =>
    resources.some(
      (resource) =>
        on(resource) &&
        resource.values["member"] === member &&
        permissions[String(resource.values["role"])]?.includes(permission),
    );
  const onOperator = ({ type, address }: PlannedResource) =>
    type === "google_service_account_iam_member" && address.includes('["operator ');
  const onDataBucket = ({ type, values }: PlannedResource) =>
    type === "google_storage_bucket_iam_member" && values["bucket"] === "lab-1234-fedstratus-data";

  /**
   * The answer to a call: the two of the IAM Credentials API as a person, uploads as the operator account.
   */
  function answer(path: string, token: string, body: string): object | undefined {
    const [, account, method] = /serviceAccounts\/([^:]+):(\w+)$/.exec(path) ?? [];
    if (method !== undefined) {
      asked.push(method);
      if (token !== "ada" || account !== OPERATOR || !isGranted("user:ada@example.org", method, onOperator))
        return;
      const seconds = Math.floor(Date.now() / 1_000);
      const { audience, includeEmail } = JSON.parse(body);
      const claims = {
        aud: audience,
        iat: seconds,
        exp: seconds + 3_600,
        ...(includeEmail ? { email: account } : {}),
      };
      return method === "generateAccessToken"
        ? {
            accessToken: "operator",
            expireTime: new Date((seconds + 3_600) * 1_000).toISOString().replace(".000", ""),
          }
        : { token: `${base64url({ alg: "RS256", kid: "1" })}.${base64url(claims)}.c2ln` };
    }
    const isUpload = path.startsWith("/upload/storage/v1/b/lab-1234-fedstratus-data/o");
    const permission = isUpload ? "objects.create" : "objects.list";
    asked.push(permission);
    if (token !== "operator" || !isGranted(`serviceAccount:${OPERATOR}`, permission, onDataBucket)) return;
    return isUpload ? { bucket: "lab-1234-fedstratus-data", name: "object", size: "3", generation: "1" } : {};
  }

  beforeAll(async () => {
    const bench = await openBench();
    await bench.workspace.run(".", "init", "-backend=false", "-no-color");
    resources = resourcesOf(await plan(bench.workspace, ".", rootVariables(bench.archivesDir)));
    await bench.close();
    server = createServer(async (request, response) => {
      const body = request.method === "POST" ? await text(request) : "";
      const [, token = ""] = /^Bearer (.+)$/.exec(request.headers.authorization ?? "") ?? [];
      const given = answer(String(request.url).split("?")[0] ?? "", token, body);
      response.writeHead(given === undefined ? 403 : 200, { "content-type": "application/json" });
      response.end(
        JSON.stringify(
          given ?? { error: { code: 403, message: "Permission denied", status: "PERMISSION_DENIED" } },
        ),
      );
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    folder = await mkdtemp(join(tmpdir(), "gcloud-"));
    await writeFile(join(folder, "token"), "ada");
    env = {
      CLOUDSDK_CONFIG: folder,
      CLOUDSDK_CORE_DISABLE_PROMPTS: "1",
      CLOUDSDK_CORE_DISABLE_USAGE_REPORTING: "1",
      CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK: "1",
      CLOUDSDK_AUTH_ACCESS_TOKEN_FILE: join(folder, "token"),
      CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS: `${origin}/`,
      CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE: `${origin}/storage/v1/`,
      CLOUDSDK_STORAGE_CHECK_HASHES: "never",
      CLOUDSDK_STORAGE_PROCESS_COUNT: "1",
      CLOUDSDK_STORAGE_THREAD_COUNT: "1",
    };
  });
  afterAll(async () => {
    server?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const terraform = `case "$*" in
    *"-json buckets") printf '{"data":"lab-1234-fedstratus-data"}' ;;
    *"-json client_registration") printf '{}' ;;
    *"-json client_accounts") printf '["a@lab-1234.iam.gserviceaccount.com"]' ;;
    *"-raw api_url") printf ${API_URL} ;;
    *"-raw operator") printf ${OPERATOR} ;;
    *) exit 1 ;;
  esac`;

  function expectOperatorsToken(token: string | undefined): void {
    const claims = JSON.parse(Buffer.from(token?.split(".")[1] ?? "", "base64url").toString());
    expect(claims).toMatchObject({ aud: API_URL, email: OPERATOR });
  }

  it("gives operators a token with the rights that they have, and puts data as the operator account", async () => {
    asked = [];
    const data = join(folder, "data");
    const { status, stderr, calls } = await runScript(
      // The script in a folder of its own, with data of a few bytes.
      `mkdir -p '${data}/terraform' && cp terraform/first-round.sh '${data}/terraform/' && sh '${data}/terraform/first-round.sh'`,
      {
        terraform,
        npm: "mkdir -p dist/data/clients dist/data/evaluation && printf abc >dist/data/clients/a && printf abc >dist/data/evaluation/b",
        curl: `echo "$*" | tr '\\n' ' ' >>"$CALLS"; echo >>"$CALLS"; printf '{"runId":"first-run-1"}'`,
      },
      env,
    );
    expect(status, stderr).toBe(0);
    expect(calls).toHaveLength(6);
    for (const call of calls) expectOperatorsToken(/Bearer (\S+)/.exec(call)?.[1]);
    expect(asked).toEqual(expect.arrayContaining(["generateAccessToken", "generateIdToken"]));
    expect(asked.filter((permission) => permission === "objects.create")).toHaveLength(2);
  }, 120_000);

  it("gives a token for the guide's calls and for the registration of a partner", async () => {
    const guide = readFileSync(join(configuration, "../docs/deploy.md"), "utf8");
    const [exports] = /export API_URL=\$\(terraform[^`]+?(?=\ncurl )/.exec(guide) ?? [];
    const { status, stdout, stderr } = await runScript(`${exports}\nprintf %s "$TOKEN"`, { terraform }, env);
    expect(status, stderr).toBe(0);
    expectOperatorsToken(stdout);

    const file = join(folder, "clinic.json");
    const registration = {
      clientId: "clinic-07",
      url: "https://fedstratus-client-1.europe-west1.run.app",
      serviceAccount: "a@lab-1234.iam.gserviceaccount.com",
      capacity: { memoryMib: 2_048, vcpu: 1, timeoutSeconds: 540 },
    };
    await writeFile(file, JSON.stringify(registration));
    const curl = 'echo "$*" >>"$CALLS"';
    const sent = await runScript(`sh terraform/register-client.sh '${file}'`, { terraform, curl }, env);
    expect(sent.status, sent.stderr).toBe(0);
    expectOperatorsToken(/Bearer (\S+)/.exec(sent.calls[0] ?? "")?.[1]);
  }, 120_000);
});
