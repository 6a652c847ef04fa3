// A client of 512 MiB that trains on a table of half a gigabyte, as it is started in a deployment: what its
// process takes of memory at the most. The table's bytes are made as they are read. FEDSTRATUS_TABLE_MIB
// measures another size by hand.
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nodeOptions } from "../../shared/cloud/tensors/nodeOptions.ts";
import type { DataJob, DataMeasured } from "../support/dataReader.ts";
import { completeEnvironment } from "../support/functionEnvironment.ts";
import { ROW_BYTES, serveTable, type TableServer } from "../support/tableServer.ts";

const MEMORY_MIB = 512;
const TABLE_MIB = Number(process.env["FEDSTRATUS_TABLE_MIB"] ?? 512);

let server: TableServer;
beforeAll(async () => {
  server = await serveTable((TABLE_MIB * 2 ** 20) / ROW_BYTES);
});
afterAll(() => server.close());

async function measure(): Promise<DataMeasured> {
  const job: DataJob = {
    function: "client",
    model: { loss: "meanSquaredError", inputs: 16, outputs: 1, batchSize: 4_096 },
  };
  const reader = fork(
    fileURLToPath(new URL("../support/dataReader.ts", import.meta.url)),
    [JSON.stringify(job)],
    {
      env: {
        ...process.env,
        ...completeEnvironment,
        MEMORY_MIB: String(MEMORY_MIB),
        NODE_OPTIONS: nodeOptions(MEMORY_MIB),
        CLIENT_DATA: "gs://data/{clientId}.csv",
        CLIENT_FEATURES: "gs://data/features.json",
        STORAGE_API_ENDPOINT: `http://${server.address}`,
        GCE_METADATA_HOST: server.address,
      },
    },
  );
  const ended = once(reader, "exit").then(([code]) => {
    throw new Error(`It ended with ${code} before it had measured.`);
  });
  ended.catch(() => undefined);
  const [measured] = await Promise.race([once(reader, "message"), ended]);
  return measured;
}

// Only Linux reports a process's peak memory.
describe.runIf(process.platform === "linux")("a client of 512 MiB", () => {
  test(
    `trains on a table of ${TABLE_MIB} MiB`,
    async () => {
      const { peakMib, refusal } = await measure();
      expect(refusal).toBeNull();
      // Once to count it, once to train on it.
      expect(server.sentBytes()).toBeGreaterThan(2 * TABLE_MIB * 2 ** 20);
      expect(peakMib).toBeLessThan(MEMORY_MIB);
      process.stdout.write(`peak of ${TABLE_MIB} MiB: ${peakMib.toFixed(0)} MiB\n`);
    },
    (60 + TABLE_MIB) * 1_000,
  );
});
