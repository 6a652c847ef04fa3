// This repository's client function, with real training, passes the conformance suite: with a topology; and
// it says that it cannot train a run without one.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connect } from "../../../functions/client/deps.ts";
import { ClientEnv } from "../../../functions/client/env.ts";
import { clientHandler } from "../../../functions/client/handler.ts";
import { close, listen } from "../../../infra/box/metadata/listen.ts";
import { cases, testClient } from "../../../infra/conformance/conformance.ts";
import { encodeSafetensors, floatTensor } from "../../../shared/core/updates/safetensors.ts";
import { requestListener } from "../../../shared/http/listener.ts";
import type { Handler } from "../../../shared/http/message.ts";

let folder = "";
let handler: Handler | undefined;
const server = createServer(
  requestListener({
    handler: async () => async (request) => handler?.(request) ?? { status: 500 },
    onError: (error) => {
      throw error;
    },
  }),
);
let clientUrl = "";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "fedstratus conformance-"));
  const samples = 48;
  const y = Float32Array.from({ length: samples }, (_, i) => i % 3);
  const x = Float32Array.from({ length: samples * 4 }, (_, i) => (i % 4 === Math.floor(i / 4) % 3 ? 2 : 0.1));
  const file = encodeSafetensors([floatTensor("x", [samples, 4], x), floatTensor("y", [samples], y)]);
  writeFileSync(join(folder, "data.safetensors"), file);
  clientUrl = `http://${await listen(server)}`;
});
afterAll(async () => {
  await close(server);
  rmSync(folder, { recursive: true });
});

async function start(env: Readonly<Record<string, string>>): Promise<void> {
  const before = process.env["GCE_METADATA_HOST"];
  process.env["GCE_METADATA_HOST"] = env["GCE_METADATA_HOST"];
  const settings = ClientEnv.parse({
    ...env,
    CLIENT_DATA: pathToFileURL(join(folder, "data.safetensors")).href,
    MEMORY_MIB: "2048",
  });
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined, with: () => log };
  handler = clientHandler({ ...connect(settings, 0), log }, settings);
  if (before === undefined) delete process.env["GCE_METADATA_HOST"];
  else process.env["GCE_METADATA_HOST"] = before;
}

test("it passes every case, none left out", async () => {
  const results = await testClient({ clientUrl, port: 0, onReady: start });
  expect(results.filter(({ verdict }) => verdict !== "pass")).toEqual([]);
  expect(results).toHaveLength(cases.length);
}, 180_000);

test("it reports that it cannot train parameters without a topology", async () => {
  const weights = encodeSafetensors([floatTensor("fc.weight", [3, 4], new Float32Array(12).fill(0.1))]);
  const [task, claim] = await testClient({
    clientUrl,
    port: 0,
    onReady: start,
    spec: { name: "bare", model: {}, selection: { strategy: "random", cohortSize: 1 } },
    weights,
    only: ["task", "claim"],
  });
  expect(task).toMatchObject({
    verdict: "fail",
    why: [expect.stringMatching(/reported a failure: failed-precondition: .*parameters and no topology/)],
  });
  expect(claim?.verdict).toBe("pass");
}, 60_000);
