// A program of its own that runs a local cloud with a data folder until it is asked to end, or is killed. Its
// argument is a HostOptions as JSON; when the cloud is up it writes a HostMessage as a line of JSON.
import { clientAccount, dataObjects, startBox } from "../../infra/box/box.ts";
import type { FunctionName } from "../../shared/core/protocol/tasks.ts";
import { encodeSafetensors, floatTensor } from "../../shared/core/updates/safetensors.ts";

export interface HostOptions {
  readonly dataDir: string;
  readonly cacheDir: string;
  readonly bundles: Readonly<Record<FunctionName, { readonly dir: string }>>;
  readonly clients: readonly string[];
  /** Title of every function's processes, to find them by. */
  readonly title: string;
  /**
   * The aggregator's calls begin so much later, the first client's twice as much and so on: there is time to
   * kill them.
   */
  readonly delayMs: number;
}

export interface HostMessage {
  readonly apiUrl: string;
  readonly env: Readonly<Record<string, string>>;
  readonly addresses: readonly string[];
  /** What to register each client with. */
  readonly clients: readonly {
    readonly clientId: string;
    readonly url: string;
    readonly serviceAccount: string;
  }[];
}

const options: HostOptions = JSON.parse(process.argv[2] ?? "");
const { clients, delayMs } = options;
const box = await startBox({
  firestore: "embedded",
  bundles: options.bundles,
  clientFunctions: clients.map((clientId) => ({ name: clientId, clientId })),
  cacheDir: options.cacheDir,
  dataDir: options.dataDir,
  trainer: "test",
  removesSignatures: true,
  functionExecArgv: [`--title=${options.title}`],
  queueSettings: { minBackoffMs: 50, maxBackoffMs: 500 },
  transactionIdleMs: 500,
  faults: ["aggregator", ...clients].map((name, index) => ({
    kind: "delayed",
    function: name,
    probability: 1,
    delayMs: delayMs * (index + 1),
  })),
  onLog: ({ instance, line }) => process.stderr.write(`${instance} ${line}\n`),
});
for (const [index, clientId] of clients.entries()) {
  await box.putData(dataObjects.client(clientId), dataset(10 * (index + 1)));
}
await box.putData(dataObjects.evaluation, dataset(5));
const message: HostMessage = {
  apiUrl: box.apiUrl,
  env: box.env,
  addresses: box.services.map(({ address }) => address),
  clients: clients.map((clientId) => ({
    clientId,
    url: box.runtime.url(clientId),
    serviceAccount: clientAccount(clientId),
  })),
};
process.stdout.write(`${JSON.stringify(message)}\n`);
// The test has ended without asking it to, as when it was killed itself.
process.stdin.once("end", () => process.exit(1)).resume();
process.once("SIGTERM", () => void box.stop().then(() => process.exit(0)));

function dataset(samples: number) {
  return encodeSafetensors([
    floatTensor("x", [samples, 4], new Float32Array(samples * 4).fill(0.5)),
    floatTensor("y", [samples], new Float32Array(samples)),
  ]);
}
