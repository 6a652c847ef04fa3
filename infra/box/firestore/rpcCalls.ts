// Calls of the gRPC service, from request to answer: size limit, injected faults, and errors as the client
// library expects them.
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type ServerUnaryCall,
  type ServerWritableStream,
  status,
} from "@grpc/grpc-js";
import { FlError } from "../../../shared/core/errors.ts";
import type { CallFault, CallFaults } from "../callFaults.ts";
import { FOREIGN_HOST, isOwnHost } from "../ownHost.ts";
import { rpcStatus } from "./rpcStatus.ts";
import type { Transactions } from "./transactions.ts";

/** As in production; the official emulator takes 4 MiB only. */
const maxRequestBytes = 10 * 1024 * 1024;

export interface RpcCall<Request extends object, Response> {
  readonly method: string;
  /** Full names of what the request is about, for faults that are meant for some of them only. */
  readonly targets: (request: Request) => readonly string[];
  readonly run: (request: Request, cancelled: AbortSignal) => Response | Promise<Response>;
}

export class RpcCalls {
  readonly #faults: CallFaults;
  readonly #transactions: Transactions;

  constructor(faults: CallFaults, transactions: Transactions) {
    this.#faults = faults;
    this.#transactions = transactions;
  }

  unary<Request extends object, Response>(
    rpc: RpcCall<Request, Response>,
  ): handleUnaryCall<Request, Response> {
    return (call, callback) => {
      this.#settle(call, rpc).then(
        (response) => callback(null, response),
        (error) => callback(failure(error)),
      );
    };
  }

  streaming<Request extends object, Response>(
    rpc: RpcCall<Request, readonly Response[]>,
  ): handleServerStreamingCall<Request, Response> {
    return (call) => {
      this.#settle(call, rpc).then(
        (responses) => {
          for (const response of responses) call.write(response);
          call.end();
        },
        (error) => {
          // The client library takes an error without headers for a lost request, and repeats it for seven
          // seconds.
          if (!(error instanceof InjectedError && error.isLost)) call.sendMetadata(new Metadata());
          call.emit("error", failure(error));
        },
      );
    };
  }

  async #settle<Request extends object, Response>(
    call: ServerUnaryCall<Request, unknown> | ServerWritableStream<Request, unknown>,
    { method, targets, run }: RpcCall<Request, Response>,
  ): Promise<Response> {
    const { request } = call;
    if (!isOwnHost(call.getHost())) throw new FlError("permission-denied", FOREIGN_HOST);
    checkSize(request);
    const fault = this.#faults.strike("firestore", method, () => targets(request));
    if (fault?.applied === false) throw this.#injected(fault, request);
    const controller = new AbortController();
    const cancel = () => controller.abort();
    call.on("cancelled", cancel);
    try {
      const response = await run(request, controller.signal);
      if (fault !== undefined) throw this.#injected(fault, request);
      return response;
    } finally {
      call.off("cancelled", cancel); // A call that is closed after its answer is reported as cancelled too.
    }
  }

  #injected(
    { answer, method }: Extract<CallFault, { service: "firestore" }>,
    request: object,
  ): InjectedError {
    const isAbort = answer === "ABORTED";
    // The database never keeps a transaction open of which it has said that it is aborted.
    if (isAbort && "transaction" in request && Buffer.isBuffer(request.transaction)) {
      this.#transactions.rollback(request.transaction);
    }
    return new InjectedError(method, answer);
  }
}

class InjectedError extends Error {
  readonly isLost: boolean;
  readonly code: status;

  constructor(method: string, answer: Extract<CallFault, { service: "firestore" }>["answer"]) {
    super(answer === "lost" ? "Connection dropped" : `${method} failed, as a fault rule asks.`);
    this.isLost = answer === "lost";
    this.code = status[answer === "lost" ? "UNAVAILABLE" : answer];
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
  if (error instanceof InjectedError) return { code: error.code, details: error.message };
  const { code, message } = rpcStatus(error);
  return { code, details: message };
}
