// The embedded Firestore: an in-memory google.firestore.v1 server over gRPC for the unmodified client library.
//
// What it does not do:
// - persist: stopping it forgets everything;
// - the REST interface, security rules, authentication (every caller may do anything), admin calls and the console;
// - require or report composite indexes: a query that needs one in production works here without;
// - PartitionQuery, ExecutePipeline (pipelines), Write, CreateDocument, UpdateDocument, DeleteDocument, which the client
//   library's documents, queries, transactions and bulk writer do not use; vector search (find nearest); query explain;
// - documents with numeric ids (`__id7__`), listing documents in another order than by name or of all collections at once;
// - read at a time more than 270 s ago; listen from a resume token (the listener is told to start over) or with `once`;
// - let two read-write transactions read one document at the same time: locks are exclusive and first come, first served,
//   where production lets readers share them. Results are the same; contention is settled faster;
// - lock the range of a query in a transaction: its results are locked, but an aggregation, or a document that another
//   commit adds to the results, is noticed only when the transaction commits, which then is aborted;
// - quotas, rate limits and slowness.
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import {
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
} from "@grpc/grpc-js";
import { fromJSON, type ServiceDefinition } from "@grpc/proto-loader";
import { FlError } from "../../../shared/core/errors.ts";
import type { Service } from "../service.ts";
import { Commits } from "./commits.ts";
import { DocumentStore } from "./documents.ts";
import { freePort, host } from "./freePort.ts";
import { ListenStream } from "./listen.ts";
import { DocumentLocks } from "./locks.ts";
import type { BeginTransactionRequest, ListenRequest, ListenResponse, RollbackRequest } from "./messages.ts";
import { Reads } from "./reads.ts";
import { rpcStatus } from "./rpcStatus.ts";
import { Transactions } from "./transactions.ts";

/** As in production; the official emulator takes 4 MiB only. */
const maxRequestBytes = 10 * 1024 * 1024;

export interface EmbeddedOptions {
  /** 0 (the default) picks a free one. */
  readonly port?: number;
  /** How long a request waits for a document that a transaction holds before it fails as aborted; default 5,000. */
  readonly lockWaitMs?: number;
  /** How long a transaction lasts without a request before it ends and frees its locks; default 60,000, as in production. */
  readonly transactionIdleMs?: number;
}

/**
 * Starts the embedded server on the loopback interface. It holds any number of projects and databases, all empty at first.
 *
 * @throws FlError("unavailable") when the port cannot be had
 */
export async function startEmbedded(options: EmbeddedOptions = {}): Promise<Service> {
  const { port = 0, lockWaitMs = 5_000, transactionIdleMs = 60_000 } = options;
  const store = new DocumentStore();
  const locks = new DocumentLocks(lockWaitMs);
  const transactions = new Transactions(locks, transactionIdleMs);
  const reads = new Reads(store, locks, transactions);
  const commits = new Commits(store, locks, transactions);
  const server = new Server({
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
  });
  server.addService(loadService(), {
    getDocument: unary((request, cancelled) => reads.getDocument(request, cancelled)),
    listDocuments: unary((request, cancelled) => reads.listDocuments(request, cancelled)),
    listCollectionIds: unary((request) => reads.listCollectionIds(request)),
    batchGetDocuments: streaming((request, cancelled) => reads.batchGetDocuments(request, cancelled)),
    runQuery: streaming((request, cancelled) => reads.runQuery(request, cancelled)),
    runAggregationQuery: streaming((request, cancelled) => reads.runAggregationQuery(request, cancelled)),
    beginTransaction: unary(({ options: mode }: BeginTransactionRequest) => ({
      transaction: transactions.begin(mode, store.clock.now()).id,
    })),
    rollback: unary(({ transaction }: RollbackRequest) => {
      transactions.rollback(transaction);
      return {};
    }),
    commit: unary((request) => commits.commit(request)),
    batchWrite: unary((request) => commits.batchWrite(request)),
    listen: listening(store),
  });
  if (port !== 0) await freePort(port); // Else gRPC would write on the console that it is taken.
  const address = `${host}:${await bind(server, port)}`;
  let stopped: Promise<void> | undefined;
  return {
    name: "firestore",
    address,
    env: { FIRESTORE_EMULATOR_HOST: address },
    stop() {
      stopped ??= new Promise((resolve, reject) => {
        transactions.endAll();
        server.tryShutdown((error) => (error === undefined ? resolve() : reject(error)));
        server.forceShutdown();
      });
      return stopped;
    },
  };
}

/** The protocol comes from the client library, so that the two cannot differ. */
function loadService(): ServiceDefinition {
  const require = createRequire(import.meta.url);
  const protos = join(
    dirname(require.resolve("@google-cloud/firestore/package.json")),
    "build/protos/v1.json",
  );
  const definitions = fromJSON(require(protos), {
    longs: String,
    enums: String,
    bytes: Buffer,
    defaults: false,
    arrays: true,
    objects: true,
    oneofs: true,
  });
  const service = definitions["google.firestore.v1.Firestore"];
  if (service === undefined || "format" in service) {
    throw new FlError("internal", `${protos} does not define the service google.firestore.v1.Firestore.`);
  }
  return Object.fromEntries(Object.entries(service).map(([name, method]) => [name, measured(method)]));
}

/** A request tells its size, for gRPC itself would answer a large one with a status that the client library retries. */
function measured(method: Method): Method {
  return {
    ...method,
    requestDeserialize: (bytes) => ({ ...method.requestDeserialize(bytes), sizeBytes: bytes.length }),
  };
}

function bind(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const credentials = ServerCredentials.createInsecure();
    server.bindAsync(`${host}:${port}`, credentials, (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
}

type Method = ServiceDefinition[string];

type Run<Request, Response> = (request: Request, cancelled: AbortSignal) => Response | Promise<Response>;

function unary<Request extends object, Response>(
  run: Run<Request, Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    settle(call, run).then(
      (response) => callback(null, response),
      (error) => callback(failure(error)),
    );
  };
}

function streaming<Request extends object, Response>(
  run: Run<Request, readonly Response[]>,
): handleServerStreamingCall<Request, Response> {
  return (call) => {
    settle(call, run).then(
      (responses) => {
        for (const response of responses) call.write(response);
        call.end();
      },
      (error) => {
        // The client library takes an error without headers for a lost request, and repeats it for seven seconds.
        call.sendMetadata(new Metadata());
        call.emit("error", failure(error));
      },
    );
  };
}

function listening(store: DocumentStore): handleBidiStreamingCall<ListenRequest, ListenResponse> {
  return (call) => {
    const stream = new ListenStream(store, (response) => call.write(response));
    const close = () => stream.close();
    call.on("data", (request: ListenRequest) => stream.handle(request));
    call.on("cancelled", close);
    call.on("error", close);
    call.on("end", () => {
      close();
      call.end();
    });
  };
}

async function settle<Request extends object, Response>(
  call: {
    readonly request: Request;
    on(event: "cancelled", listener: () => void): unknown;
    off(event: "cancelled", listener: () => void): unknown;
  },
  run: Run<Request, Response>,
): Promise<Response> {
  checkSize(call.request);
  const controller = new AbortController();
  const cancel = () => controller.abort();
  call.on("cancelled", cancel);
  try {
    return await run(call.request, controller.signal);
  } finally {
    call.off("cancelled", cancel); // A call that is closed after its answer is reported as cancelled too.
  }
}

function checkSize(request: object): void {
  if ("sizeBytes" in request && Number(request.sizeBytes) > maxRequestBytes) {
    throw new FlError(
      "invalid-argument",
      `A request of ${request.sizeBytes} bytes; at most ${maxRequestBytes} are allowed.`,
    );
  }
}

function failure(error: unknown): { code: number; details: string } {
  const { code, message } = rpcStatus(error);
  return { code, details: message };
}
