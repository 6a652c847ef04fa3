// first-round.sh with stand-ins for the programs it calls: how it ends where something is refused, and what each call carries.
// What the real api makes of it is tested in test/functions/readme.test.ts.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { configuration } from "./support.ts";

const missing = ["jq"].filter((name) => spawnSync(name, ["--version"]).error !== undefined);
const reason = missing.length === 0 ? "" : `: there is no ${missing.join(", no ")} here`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "first-round-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Runs the script; a call of the api is written down, one line each, and answered by `api`, a case of the shell. */
function run(api: string) {
  const programs = {
    terraform: `case "$*" in *buckets) printf '{"data":"lab-1234-data"}' ;; *) printf 'https://example.org' ;; esac`,
    gcloud: "printf token",
    npm: ":",
    curl: `echo "$*" | tr '\\n' ' ' >>"$CALLS"; echo >>"$CALLS"; case "$*" in ${api} *) printf '{}' ;; esac`,
  };
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  const calls = join(folder, "calls");
  const { status, stderr, stdout } = spawnSync("sh", [join(configuration, "first-round.sh")], {
    encoding: "utf8",
    env: { PATH: `${folder}:${process.env["PATH"]}`, CALLS: calls },
  });
  return { status, stderr, stdout, calls: readFileSync(calls, "utf8").trim().split("\n") };
}

describe.skipIf(missing.length > 0)(`first-round.sh${reason}`, () => {
  it("gives every call a key of its own", () => {
    const { status, calls } = run(`*"/v1/runs -d"*) printf '{"runId":"first-run-1"}' ;;`);
    expect(status).toBe(0);
    expect(calls).toHaveLength(6);
    const keys = calls.map((call) => /Idempotency-Key: (\S+)/.exec(call)?.[1]);
    expect(keys).not.toContain(undefined);
    expect(new Set(keys).size).toBe(6);
    expect(calls.at(-1)).toContain("/v1/runs/first-run-1/rounds");
  });

  it("stops where the run is refused, and says why", () => {
    const { status, stderr, stdout, calls } = run(
      `*"/v1/runs -d"*) printf '{"error":{"message":"no such model"}}'; exit 22 ;;`,
    );
    expect(status).not.toBe(0);
    expect(stderr).toContain("no such model");
    expect(stdout).not.toContain("triggered");
    expect(calls.filter((call) => call.includes("/rounds"))).toEqual([]);
  });

  it("stops where the answer names no run", () => {
    const { status, calls } = run(`*"/v1/runs -d"*) printf '{"error":"none"}' ;;`);
    expect(status).not.toBe(0);
    expect(calls.filter((call) => call.includes("/rounds"))).toEqual([]);
  });

  it("stops at the first client that is refused", () => {
    const { status, stderr, calls } = run(
      `*clinic-02*) printf '{"error":{"message":"registered with other data"}}'; exit 22 ;;`,
    );
    expect(status).not.toBe(0);
    expect(stderr).toContain("registered with other data");
    expect(calls).toHaveLength(2);
  });
});
