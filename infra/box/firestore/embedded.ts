// The embedded Firestore: an in-memory google.firestore.v1 server over gRPC for the unmodified client
// library.
//
// What it does not do:
// - persist, unless it is given a state: without one, stopping it forgets everything;
// - the REST interface, security rules, authentication (every caller may do anything), admin calls and the
//   console;
// - require composite indexes for several fields together: a query that needs one in production works here
//   without. A field that is exempt from indexing cannot be queried, as in production;
// - PartitionQuery, ExecutePipeline (pipelines), Write, CreateDocument, UpdateDocument, DeleteDocument,
//   which the client library's documents, queries, transactions and bulk writer do not use; vector search
//   (find nearest); query explain; field transforms (increment, server timestamps, array union); sums and
//   averages: counts only;
// - documents with numeric ids (`__id7__`), listing documents in another order than by name or of all
//   collections at once;
// - read at a time more than 270 s ago; listen from a resume token (the listener must start over) or
//   with `once`;
// - let two read-write transactions read one document at the same time: locks are exclusive and first come,
//   first served, where production lets readers share them. Results are the same; contention is settled
//   faster;
// - lock the range of a query in a transaction: its results are locked, but an aggregation, or a document
//   that another commit adds to the results, is noticed only when the transaction commits, which then is
//   aborted;
// - quotas, rate limits and slowness.
import { type handleBidiStreamingCall, Server, ServerCredentials, status } from "@grpc/grpc-js";
import { CallFaults } from "../callFaults.ts";
import { FOREIGN_HOST, isOwnHost } from "../ownHost.ts";
import type { Service } from "../service.ts";
import type { State } from "../state/state.ts";
import { UsageMeter } from "../usageMeter.ts";
import { aggregated, queried, writtenNames } from "./callTargets.ts";
import { Commits } from "./commits.ts";
import { DocumentStore } from "./documents.ts";
import { freePort, host } from "./freePort.ts";
import { automaticIndexes, type IndexRules } from "./indexes.ts";
import { ListenStream } from "./listen.ts";
import { DocumentLocks } from "./locks.ts";
import type * as message from "./messages.ts";
import { serviceDefinition } from "./protocol.ts";
import { Reads } from "./reads.ts";
import { RpcCalls } from "./rpcCalls.ts";
import { Transactions } from "./transactions.ts";

export interface EmbeddedOptions {
  /** 0 (the default) picks a free one. */
  readonly port?: number;
  /**
   * How long a request waits for a document that a transaction holds before it fails as aborted; default
   * 5,000.
   */
  readonly lockWaitMs?: number;
  /**
   * How long a transaction lasts without a request before it ends and frees its locks; default 60,000, as in
   * production.
   */
  readonly transactionIdleMs?: number;
  /** Calls that are to fail; default none. */
  readonly faults?: CallFaults;
  /** Keeps the documents; default none. Transactions and the past are not kept. */
  readonly state?: State;
  /** Default: those that every field has by itself. */
  readonly indexes?: IndexRules;
  /** Counts what is read and written, but not what listeners are sent. */
  readonly meter?: UsageMeter;
}

/**
 * Starts the embedded server on the loopback interface. It holds any number of projects and databases; all
 * are empty at first, or as the state has them.
 *
 * @throws FlError("unavailable") when the port cannot be had
 */
export async function startEmbedded(options: EmbeddedOptions = {}): Promise<Service> {
  const { port = 0, lockWaitMs = 5_000, transactionIdleMs = 60_000, indexes = automaticIndexes } = options;
  const store = new DocumentStore(options.state);
  const locks = new DocumentLocks(lockWaitMs);
  const transactions = new Transactions(locks, transactionIdleMs);
  const meter = options.meter ?? new UsageMeter();
  const reads = new Reads(store, locks, transactions, meter, indexes);
  const commits = new Commits(store, locks, transactions, meter, indexes);
  const calls = new RpcCalls(options.faults ?? new CallFaults(), transactions);
  const server = new Server({
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
  });
  server.addService(serviceDefinition(), {
    getDocument: calls.unary({
      method: "GetDocument",
      targets: ({ name = "" }: message.GetDocumentRequest) => [name],
      run: (request, cancelled) => reads.getDocument(request, cancelled),
    }),
    listDocuments: calls.unary({
      method: "ListDocuments",
      targets: ({ parent = "", collectionId = "" }: message.ListDocumentsRequest) => [
        `${parent}/${collectionId}`,
      ],
      run: (request, cancelled) => reads.listDocuments(request, cancelled),
    }),
    listCollectionIds: calls.unary({
      method: "ListCollectionIds",
      targets: ({ parent = "" }: message.ListCollectionIdsRequest) => [parent],
      run: (request) => reads.listCollectionIds(request),
    }),
    batchGetDocuments: calls.streaming({
      method: "BatchGetDocuments",
      targets: ({ documents }: message.BatchGetDocumentsRequest) => documents,
      run: (request, cancelled) => reads.batchGetDocuments(request, cancelled),
    }),
    runQuery: calls.streaming({
      method: "RunQuery",
      targets: queried,
      run: (request, cancelled) => reads.runQuery(request, cancelled),
    }),
    runAggregationQuery: calls.streaming({
      method: "RunAggregationQuery",
      targets: aggregated,
      run: (request, cancelled) => reads.runAggregationQuery(request, cancelled),
    }),
    beginTransaction: calls.unary({
      method: "BeginTransaction",
      targets: () => [],
      run: ({ options: mode }: message.BeginTransactionRequest) => ({
        transaction: transactions.begin(mode, store.clock.now()).id,
      }),
    }),
    rollback: calls.unary({
      method: "Rollback",
      targets: () => [],
      run: ({ transaction }: message.RollbackRequest) => {
        transactions.rollback(transaction);
        return {};
      },
    }),
    commit: calls.unary({
      method: "Commit",
      targets: writtenNames,
      run: (request: message.CommitRequest) => commits.commit(request),
    }),
    batchWrite: calls.unary({
      method: "BatchWrite",
      targets: writtenNames,
      run: (request: message.BatchWriteRequest) => commits.batchWrite(request),
    }),
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

function bind(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const credentials = ServerCredentials.createInsecure();
    server.bindAsync(`${host}:${port}`, credentials, (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
}

function listening(
  store: DocumentStore,
): handleBidiStreamingCall<message.ListenRequest, message.ListenResponse> {
  return (call) => {
    if (!isOwnHost(call.getHost())) {
      call.emit("error", { code: status.PERMISSION_DENIED, details: FOREIGN_HOST });
      return;
    }
    const stream = new ListenStream(store, (response) => call.write(response));
    const close = () => stream.close();
    call.on("data", (request: message.ListenRequest) => stream.handle(request));
    call.on("cancelled", close);
    call.on("error", close);
    call.on("end", () => {
      close();
      call.end();
    });
  };
}
