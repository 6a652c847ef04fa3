// The documents' commands against the api and its database, as they stand there; and the first round of a
// deployment, whose script finds other programs in the place of gcloud, terraform and npm.
import { execFile, spawnSync } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readRecording } from "../../infra/sim/replay/readRecording.ts";
import { modelSpec } from "../../shared/core/models/builtinModels.ts";
import { parameterShapes } from "../../shared/core/models/parameterShapes.ts";
import { toLayersTopology } from "../../shared/core/models/topology.ts";
import { refs } from "../../shared/core/ports/store.ts";
import type { Trainer } from "../../shared/core/ports/trainer.ts";
import { modelObject } from "../../shared/core/round/objects.ts";
import {
  asFloat32,
  decodeSafetensors,
  elementCount,
  encodeSafetensors,
  floatTensor,
} from "../../shared/core/updates/safetensors.ts";
import { startTestCloud, type TestCloud } from "../support/cloud.ts";
import { guides } from "../support/guides.ts";
import { contribute, eventually, registerClients } from "../support/scriptedClient.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const missing = ["bash", "curl", "jq"].filter((name) => spawnSync(name, ["--version"]).error !== undefined);
const reason = missing.length === 0 ? "" : `: there is no ${missing.join(", no ")} here`;

const scorer: Trainer = {
  backend: "script",
  describe: async () => parameterShapes(modelSpec("mnist-cnn")),
  train: () => Promise.reject(new Error("the evaluator does not train")),
  evaluate: async () => ({ accuracy: 0.5, loss: 1, metrics: {}, details: null, samples: 1 }),
};

describe.skipIf(missing.length > 0)(`the commands of the documents${reason}`, () => {
  let folder: string;
  let cloud: TestCloud;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "readme-"));
    cloud = await startTestCloud({
      trainer: async () => scorer,
      evaluationData: async () => ({
        x: { shape: [1, 28, 28, 1], values: new Float32Array(784) },
        y: { shape: [1], values: new Float32Array(1) },
      }),
    });
  });

  afterAll(async () => {
    await cloud.stop();
    await rm(folder, { recursive: true });
  });

  async function run(file: string, args: readonly string[], env: Record<string, string> = {}) {
    const token = await cloud.token("operator", cloud.urls.api);
    const exports = { API_URL: cloud.urls.api, TOKEN: token };
    const options = { cwd: folder, env: { ...process.env, ...exports, ...env } };
    const { stdout } = await promisify(execFile)(file, [...args], options);
    return stdout;
  }

  it("call the api as they say", async () => {
    await registerClients(cloud, ["clinic-a", "clinic-b", "clinic-c", "clinic-d"]);
    const block = /```sh\n(fed\(\) [^`]+)```/.exec(guides)?.[1] ?? "";
    const [fed = "", clients = "", check = "", create = "", , act = "", label = "", read = "", ...more] =
      block.trim().split(/\n\n|\n(?=RUN=)/);
    expect(more).toEqual([]);
    const bash = (commands: string, runId = "") =>
      run("bash", ["-euc", `${fed.replace("curl", "curl --fail-with-body")}\n${commands}`], { RUN: runId });

    expect(await bash(clients)).toContain('"clinic-99"');
    expect(JSON.parse(await bash(check))).toMatchObject({ problems: [], clients: { matching: 4 } });
    const { runId } = JSON.parse(await bash(create));
    expect(JSON.parse(await bash(create)).runId, "the same key").toBe(runId);
    await eventually("the run being ready", async () =>
      (await cloud.store.get(refs.run(runId)))?.status === "ready" ? true : null,
    );
    await bash(act, runId);
    expect(await bash(label, runId)).toContain('"labels":{"team":"cardiology"}');
    const open = await eventually("its first round", () => cloud.store.get(refs.round(runId, 1)));
    await Promise.all(
      open.cohort.map((clientId) =>
        contribute(cloud, { runId, round: 1, clientId }, { value: 0.001, samples: 10 }),
      ),
    );
    await eventually("version 1", async () =>
      (await cloud.store.get(refs.round(runId, 1)))?.newVersion === 1 ? true : null,
    );

    const lines = read.split("\n");
    const download = lines.pop() ?? "";
    expect(lines.length).toBeGreaterThan(4);
    let answer = "";
    for (const line of lines) answer = await bash(line, runId);
    await bash(download.replace("<url of that answer>", JSON.parse(answer).url), runId);
    expect((await stat(join(folder, "model.safetensors"))).size).toBeGreaterThan(4 * 582_026);

    await eventually("round 2", () => cloud.store.get(refs.round(runId, 2)));
    const replay = /```sh\n([^`]+)npm run simulate -- --replay run\.json/.exec(guides)?.[1] ?? "";
    for (const _time of ["first", "second"]) {
      await bash(replay, runId);
      const { rounds, invocations } = await readRecording(join(folder, "run.json"));
      expect(rounds.map(({ round }) => round)).toEqual([1, 2]);
      expect(invocations).toHaveLength(8);
    }
  });

  it("read the database", async () => {
    const script = /node --input-type=module -e '\n([^']+)'/.exec(guides)?.[1] ?? "";
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
      cwd: root,
    });
    expect(stdout).toMatch(/^first-run-\w+ running /);
  });

  it("upload weights, and create a run that begins with them", async () => {
    const commands = /```sh\n(UPLOAD=[^`]+)```/.exec(guides)?.[1] ?? "";
    const fed = /```sh\n(fed\(\) [^\n]+)/.exec(guides)?.[1] ?? "";
    const spec = modelSpec("mnist-cnn");
    const weights = parameterShapes(spec).map(({ name, shape }) =>
      floatTensor(`model/${name}`, shape, new Float32Array(elementCount(shape)).fill(0.25)),
    );
    await writeFile(join(folder, "weights.safetensors"), encodeSafetensors(weights));
    await writeFile(join(folder, "model.json"), JSON.stringify(toLayersTopology(spec)));
    const answer = await run("bash", [
      "-euc",
      `${fed.replace("curl", "curl --fail-with-body")}\n${commands}`,
    ]);
    const { runId } = JSON.parse(answer);
    await eventually("the run being ready", async () =>
      (await cloud.store.get(refs.run(runId)))?.status === "ready" ? true : null,
    );
    const { tensors } = decodeSafetensors(await cloud.objects.read(modelObject(runId, 0)));
    for (const tensor of tensors) expect(new Set(asFloat32(tensor))).toEqual(new Set([0.25]));
  });

  it("trigger the first round of a deployment", async () => {
    const programs: Record<string, string> = {
      terraform: `case "$*" in
        *"-raw api_url") printf %s "$API_URL" ;;
        *"-raw operator") printf operator@lab-1234.iam.gserviceaccount.com ;;
        *"-json client_registration") printf '{"url":"http://127.0.0.1:9/","serviceAccount":"client@lab-1234.iam.gserviceaccount.com","capacity":{"memoryMib":4096,"vcpu":2,"timeoutSeconds":300}}' ;;
        *"-json buckets") printf '{"data":"lab-1234-data"}' ;;
        *) exit 1 ;;
      esac`,
      gcloud: `echo "gcloud $*" >>"$CALLS"
        case "$1" in auth) printf %s "$TOKEN" ;; storage) ;; *) exit 1 ;; esac`,
      npm: 'echo "npm $*" >>"$CALLS"',
    };
    for (const [name, script] of Object.entries(programs)) {
      await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
      await chmod(join(folder, name), 0o755);
    }
    const calls = join(folder, "calls");
    const path = `${folder}:${process.env["PATH"]}`;
    const said = await run("sh", [join(root, "terraform/first-round.sh")], { PATH: path, CALLS: calls });

    expect(said).toContain("its first round is triggered");
    const runId = /Run ([\w-]+):/.exec(said)?.[1] ?? "";
    const round = await eventually("its first round", () => cloud.store.get(refs.round(runId, 1)));
    expect(round.cohort).toHaveLength(4);
    const client = await cloud.store.get(refs.client("clinic-04"));
    expect(client).toMatchObject({
      url: "http://127.0.0.1:9",
      capacity: { memoryMib: 4_096, vcpu: 2, timeoutSeconds: 300 },
    });
    expect((await readFile(calls, "utf8")).trim().split("\n")).toEqual([
      `gcloud auth print-identity-token --include-email --audiences=${cloud.urls.api} --impersonate-service-account=operator@lab-1234.iam.gserviceaccount.com`,
      "npm run data -- --clients 4 --out dist/data",
      "gcloud storage cp -r dist/data/clients dist/data/evaluation gs://lab-1234-data/ --impersonate-service-account=operator@lab-1234.iam.gserviceaccount.com",
    ]);
  });

  it("check a spec and a client before the first round", async () => {
    const fed = /```sh\n(fed\(\) [^\n]+)/.exec(guides)?.[1] ?? "";
    const [, section = ""] = guides.split("## Before the first round");
    const [spec = "", client = ""] = [...section.matchAll(/```sh\n([^`]+)```/g)].map(([, block]) => block);
    const bash = (commands: string, runId = "") =>
      run("bash", ["-euc", `${fed.replace("curl", "curl --fail-with-body")}\n${commands}`], { RUN: runId });
    const written = {
      name: "checked",
      model: { builtin: "mnist-cnn" },
      selection: { strategy: "random", cohortSize: 2 },
    };
    await writeFile(join(folder, "spec.json"), JSON.stringify(written));
    expect(JSON.parse(await bash(spec))).toMatchObject({ problems: [], model: { parameterCount: 582_026 } });
    const { runId } = (await cloud.call("POST", "/v1/runs", written)).body;
    await eventually("the run being ready", async () =>
      (await cloud.store.get(refs.run(runId)))?.status === "ready" ? true : null,
    );
    await registerClients(cloud, ["clinic-07"]);
    expect(await bash(client, runId)).toContain(`"runId":"${runId}"`);
    await cloud.call("DELETE", "/v1/clients/clinic-07");
  });
});
