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

const SPEC = { name: "layers", selection: { strategy: "random", cohortSize: 1 } };

const DATA = `
import sys, numpy as np
ROWS = 1_000  # A thousand epochs of them take longer than any case waits.
rng = np.random.default_rng(1)
y = rng.integers(0, 3, ROWS)
np.savez(sys.argv[1], x=(rng.normal(size=(ROWS, 4)) + 3 * np.eye(3, 4)[y]).astype("f4"), y=y)
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

  async function options(data = join(folder, "data.npz")) {
    const clientUrl = `http://127.0.0.1:${await freePort()}`;
    return {
      clientUrl,
      port: 0,
      onReady: async (env: Readonly<Record<string, string>>) => {
        await client?.stop();
        client = await startPythonClient({ ...env, CLIENT_DATA: data });
      },
    };
  }

  test("passes every case, none left out", async () => {
    const results = await testClient(await options());
    expect(results.filter(({ verdict }) => verdict !== "pass")).toEqual([]);
    expect(results).toHaveLength(cases.length);
    // There is one thing that it does not know, and says so.
    expect(results.filter(({ why }) => why.length > 0)).toMatchObject([
      { name: "version-state", why: [expect.stringMatching(/knows release 3/)] },
    ]);
  }, 180_000);

  test.each([
    ["layers that it would compute otherwise", [{ activation: "tanh" }], /layer 1 is not/],
    ["a regularizer", [{ activation: "relu", kernelRegularizer: "l2" }], /layer 1 is not/],
    ["layers between", [{ activation: "relu" }, { type: "Dropout", rate: 0.5 }], /layer 2 is not/],
  ])(
    "says that it cannot train %s, and trains nothing else instead",
    async (_, [first, ...more], why) => {
      const last = { type: "Dense", units: 3, activation: "softmax" };
      const layers = [{ type: "Dense", units: 5, ...first }, ...more, last];
      const spec = { ...SPEC, model: { inputShape: [4], layers } };
      const [task, check] = await testClient({ ...(await options()), spec, only: ["task", "check-run"] });
      expect(task).toMatchObject({ verdict: "fail", why: [expect.stringMatching(why)] });
      expect(check?.why).toEqual(expect.arrayContaining([expect.stringMatching(why)]));
    },
    60_000,
  );

  test.each([
    ["no zip", "open(sys.argv[1], 'wb').write(b'PK nonsense')", /cannot be read/],
    ["an empty file", "open(sys.argv[1], 'wb')", /cannot be read/],
    ["objects", "np.savez(sys.argv[1], x=np.array([{}]), y=np.zeros(1))", /cannot be read/],
    ["texts", "np.savez(sys.argv[1], x=np.array([['a']]), y=np.zeros(1))", /cannot be read/],
    ["no rows", "np.savez(sys.argv[1], x=np.zeros((0, 4)), y=np.zeros(0))", /no samples/],
    ["fewer labels", "np.savez(sys.argv[1], x=np.zeros((3, 4)), y=np.zeros(2))", /not one label/],
    ["NaN", "np.savez(sys.argv[1], x=np.full((3, 4), np.nan), y=np.zeros(3))", /not finite/],
    ["halves of classes", "np.savez(sys.argv[1], x=np.zeros((3, 4)), y=np.full(3, 0.5))", /no whole numbers/],
    ["a fourth class", "np.savez(sys.argv[1], x=np.zeros((3, 4)), y=np.full(3, 3))", /classes from 0 to 2/],
    ["five numbers a row", "np.savez(sys.argv[1], x=np.zeros((3, 5)), y=np.zeros(3))", /for 5 inputs/],
  ])(
    "says what is wrong with data of %s, and nothing of what is in them",
    async (_, make, why) => {
      const file = join(folder, "other.npz");
      execFileSync("python3", ["-c", `import sys, numpy as np\n${make}`, file]);
      const [task, check] = await testClient({ ...(await options(file)), only: ["task", "check-run"] });
      expect(task).toMatchObject({ verdict: "fail", why: [expect.stringMatching(why)] });
      expect(check?.why).toEqual(expect.arrayContaining([expect.stringMatching(why)]));
      expect(JSON.stringify([task, check])).not.toContain(folder);
    },
    60_000,
  );

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
