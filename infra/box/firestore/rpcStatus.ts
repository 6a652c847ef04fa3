// The gRPC status of an error: that of the FlErrors which this server throws, INTERNAL for anything
// unforeseen.
import { status } from "@grpc/grpc-js";
import { type ErrorCode, FlError } from "../../../shared/core/errors.ts";

const codes: Partial<Record<ErrorCode, status>> = {
  "invalid-argument": status.INVALID_ARGUMENT,
  "not-found": status.NOT_FOUND,
  "already-exists": status.ALREADY_EXISTS,
  "failed-precondition": status.FAILED_PRECONDITION,
  aborted: status.ABORTED,
  "permission-denied": status.PERMISSION_DENIED,
};

export interface RpcStatus {
  readonly code: status;
  readonly message: string;
}

export function rpcStatus(error: unknown): RpcStatus {
  if (error instanceof FlError) return { code: codes[error.code] ?? status.INTERNAL, message: error.message };
  return {
    code: status.INTERNAL,
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
  };
}
