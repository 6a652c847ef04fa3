// The client in Python of examples/python-client passes the conformance suite, with a topology and with
// parameters alone; where Python has NumPy.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../../../infra/box/firestore/freePort.ts";
import { cases, testClient } from "../../../infra/conformance/conformance.ts";
import { encodeSafetensors, floatTensor } from "../../../shared/core/updates/safetensors.ts";
import { type PythonProcess, pythonClient, pythonMissing, startPythonClient } from "../../support/python.ts";

const reason = pythonMissing === undefined ? "" : ` (skipped: ${pythonMissing})`;

const main = fileURLToPath(new URL("../../../infra/conformance/main.ts", import.meta.url));

const DATA = `
import sys, numpy as np
rng = np.random.default_rng(1)
y = rng.integers(0, 3, 60)
np.savez(sys.argv[1], x=(rng.normal(size=(60, 4)) + 3 * np.eye(3, 4)[y]).astype("f4"), y=y)
`;

describe.skipIf(pythonMissing !== undefined)(`the Python client${reason}`, () => {
  let folder = "";
  let client: PythonProcess | undefined;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "python client-"));
    execFileSync("python3", ["-c", DATA, join(folder, "data.npz")]);
  });
  afterAll(async () => {
    await client?.stop();
    rmSync(folder, { recursive: true });
  });

  async function options() {
    const clientUrl = `http://127.0.0.1:${await freePort()}`;
    return {
      clientUrl,
      port: 0,
      onReady: async (env: Readonly<Record<string, string>>) => {
        await client?.stop();
        client = await startPythonClient({ ...env, CLIENT_DATA: join(folder, "data.npz") });
      },
    };
  }

  test("passes every case, none left out", async () => {
    const results = await testClient(await options());
    expect(results.filter(({ verdict }) => verdict !== "pass")).toEqual([]);
    expect(results).toHaveLength(cases.length);
    // Only parts of parameters are beyond it.
    expect(results.filter(({ why }) => why.length > 0).map(({ name }) => name)).toEqual(["covers"]);
  }, 180_000);

  test("is started and judged by the command, whose exit code says what came of it", async () => {
    const { clientUrl } = await options();
    const judged = (data: string) =>
      spawnSync(
        process.execPath,
        [
          ...[main, "--client-url", clientUrl, "--port", "0", "--only", "task,warm", "--json", "--"],
          ...["python3", join(pythonClient, "main.py")],
        ],
        {
          encoding: "utf8",
          env: { ...process.env, CLIENT_DATA: data, HOST: "127.0.0.1", PYTHONDONTWRITEBYTECODE: "1" },
        },
      );
    const good = judged(join(folder, "data.npz"));
    expect(good.status, good.stderr).toBe(0);
    expect(JSON.parse(good.stdout).results).toMatchObject([
      { name: "task", verdict: "pass", why: [] },
      { name: "warm", verdict: "pass", why: [] },
    ]);
    const bad = judged(join(folder, "elsewhere.npz"));
    expect(bad.status).toBe(1);
    expect(JSON.parse(bad.stdout).results[0].why).toEqual([
      "it reported a failure: failed-precondition: The client's data set is not there.",
    ]);
    expect(bad.stderr).toContain("1 passed, 1 failed, 0 left out.");
  }, 60_000);

  test("trains parameters without a topology", async () => {
    const parameters = [
      { name: "a/kernel", shape: [4, 5] },
      { name: "a/bias", shape: [5] },
      { name: "b/kernel", shape: [5, 3] },
      { name: "b/bias", shape: [3] },
    ];
    const weights = encodeSafetensors(
      parameters.map(({ name, shape }) => {
        const size = shape.reduce((product, length) => product * length, 1);
        return floatTensor(
          name,
          shape,
          Float32Array.from({ length: size }, (_, i) => Math.sin(i + 1) / 2),
        );
      }),
    );
    const spec = { name: "bare", model: { parameters }, selection: { strategy: "random", cohortSize: 1 } };
    const only = ["task", "claim", "update", "difference", "roles", "local", "encoding-int8", "evaluation"];
    const results = await testClient({ ...(await options()), spec, weights, only });
    expect(results.map(({ name, verdict, why }) => ({ name, verdict, why })).toSorted()).toEqual(
      cases.filter(({ name }) => only.includes(name)).map(({ name }) => ({ name, verdict: "pass", why: [] })),
    );
  }, 60_000);
});
