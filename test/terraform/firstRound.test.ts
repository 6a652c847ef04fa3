// first-round.sh with stand-ins for the programs it calls: how it ends where something is refused, and what
// each call carries. What the real api makes of it is tested in test/functions/readme.test.ts, and what the
// real gcloud asks in gcloud.test.ts.
import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { ClientRegistration } from "../../shared/core/schemas/client.ts";
import { runScript } from "./scripts.ts";

const missing = ["jq"].filter((name) => spawnSync(name, ["--version"]).error !== undefined);
const reason = missing.length === 0 ? "" : `: there is no ${missing.join(", no ")} here`;

const registration = {
  url: "https://fedstratus-client-123456789012.europe-west1.run.app",
  serviceAccount: "fedstratus-client@lab-1234.iam.gserviceaccount.com",
  capacity: { memoryMib: 4_096, vcpu: 2, timeoutSeconds: 300 },
};

/**
 * Runs the script; a call of the api is written down, one line each, and answered by `api`, a case of the
 * shell.
 */
const run = (api: string) =>
  runScript("sh terraform/first-round.sh", {
    terraform: `case "$*" in
      *buckets) printf '{"data":"lab-1234-data"}' ;;
      *client_registration) printf '%s' '${JSON.stringify(registration)}' ;;
      *api_url) printf https://api.example.org ;;
      *operator) printf operator@lab-1234.iam.gserviceaccount.com ;;
      *) exit 1 ;;
    esac`,
    gcloud: 'echo "gcloud $*" >>"$CALLS"; printf token',
    npm: 'echo "npm $*" >>"$CALLS"',
    curl: `echo "$*" | tr '\\n' ' ' >>"$CALLS"; echo >>"$CALLS"; case "$*" in ${api} *) printf '{}' ;; esac`,
  });

describe.skipIf(missing.length > 0)(`first-round.sh${reason}`, () => {
  it("puts data as the operator account, and asks for a token of it", async () => {
    const { calls } = await run(`*"/v1/runs -d"*) printf '{"runId":"first-run-1"}' ;;`);
    expect(calls.slice(0, 3)).toEqual([
      "gcloud auth print-identity-token --include-email --audiences=https://api.example.org --impersonate-service-account=operator@lab-1234.iam.gserviceaccount.com",
      "npm run data -- --clients 4 --out dist/data",
      "gcloud storage cp -r dist/data/clients dist/data/evaluation gs://lab-1234-data/ --impersonate-service-account=operator@lab-1234.iam.gserviceaccount.com",
    ]);
  });

  it("registers each client with what Terraform knows of the function", async () => {
    const { calls } = await run(`*"/v1/runs -d"*) printf '{"runId":"first-run-1"}' ;;`);
    const bodies = calls.filter((call) => call.includes("/v1/clients")).map((call) => call.split(" -d ")[1]);
    expect(bodies.map((body) => JSON.parse(body ?? ""))).toEqual(
      ["clinic-01", "clinic-02", "clinic-03", "clinic-04"].map((clientId) => ({ clientId, ...registration })),
    );
    for (const body of bodies)
      expect(ClientRegistration.safeParse(JSON.parse(body ?? "")).success).toBe(true);
  });

  it("gives every call a key of its own", async () => {
    const { status, calls } = await run(`*"/v1/runs -d"*) printf '{"runId":"first-run-1"}' ;;`);
    expect(status).toBe(0);
    const keys = calls.slice(3).map((call) => /Idempotency-Key: (\S+)/.exec(call)?.[1]);
    expect(keys).toHaveLength(6);
    expect(keys).not.toContain(undefined);
    expect(new Set(keys).size).toBe(6);
    for (const call of calls.slice(3)) {
      expect(call).toContain("Authorization: Bearer token");
      expect(call).toContain("Content-Type: application/json");
      expect(call).toContain("-X POST");
      expect(call).toContain("--fail-with-body");
    }
    expect(calls.at(-1)).toMatch(
      /--retry 20 --retry-delay 3 --retry-all-errors .*\/v1\/runs\/first-run-1\/rounds/,
    );
  });

  it("stops where the run is refused, and says why", async () => {
    const { status, stderr, stdout, calls } = await run(
      `*"/v1/runs -d"*) printf '{"error":{"message":"no such model"}}'; exit 22 ;;`,
    );
    expect(status).not.toBe(0);
    expect(stderr).toContain("no such model");
    expect(stdout).not.toContain("triggered");
    expect(calls.filter((call) => call.includes("/rounds"))).toEqual([]);
  });

  it("stops where the answer names no run", async () => {
    const { status, calls } = await run(`*"/v1/runs -d"*) printf '{"error":"none"}' ;;`);
    expect(status).not.toBe(0);
    expect(calls.filter((call) => call.includes("/rounds"))).toEqual([]);
  });

  it("stops at the first client that is refused", async () => {
    const { status, stderr, calls } = await run(
      `*clinic-02*) printf '{"error":{"message":"registered with other data"}}'; exit 22 ;;`,
    );
    expect(status).not.toBe(0);
    expect(stderr).toContain("registered with other data");
    expect(calls.filter((call) => call.includes("/v1/"))).toHaveLength(2);
  });
});
