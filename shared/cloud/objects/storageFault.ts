// What the storage client throws, as the project's own error: whose fault it is, and whether a retry can
// help.
import { type ErrorCode, FlError } from "../../core/errors.ts";

/**
 * What this process may not do is a fault of the deployment, so `internal` and not the caller's, and a
 * person's to put right.
 *
 * @param action what was being done, as in `read "a" in bucket "b"`.
 */
export function storageFault(action: string, cause: unknown): FlError {
  if (cause instanceof FlError) return cause;
  const fault = (code: ErrorCode, why: string) => new FlError(code, `Cannot ${action}: ${why}.`, { cause });
  const missing = (why: string) =>
    new FlError("internal", `Cannot ${action}: ${why}.`, { cause, retry: "needs-a-person" });
  const status = statusOf(cause);
  switch (status) {
    case 400:
      return fault("invalid-argument", "Cloud Storage finds the request invalid");
    case 401:
      return missing(
        "Cloud Storage does not accept this process's credentials; check the function's service account",
      );
    case 403:
      return missing("this service account has no right to; check its roles on the bucket");
    case 404:
      // In Google's words; of an object it says another thing.
      if (/bucket does not exist/i.test(cause instanceof Error ? cause.message : ""))
        return missing("there is no such bucket; check MODEL_BUCKET, or create it");
      return fault("not-found", "there is no such object");
    case 412:
      return fault("failed-precondition", "the object has another generation than the one named");
    case 413:
      return fault("too-large", "it is over Cloud Storage's limit");
    case 416:
      return fault("invalid-argument", "the range does not lie within the object");
    default:
      break;
  }
  if (isDamaged(cause))
    return new FlError("data-loss", `Cannot ${action}: the checksum of the received bytes does not match.`, {
      retry: "soon",
      cause,
    });
  if (status === undefined ? isNetwork(cause) : status === 408 || status === 429 || status >= 500)
    return fault("unavailable", "Cloud Storage did not answer, or asked to try again later");
  return fault("internal", "the storage client failed");
}

/** A failure to sign, which the client reports without its status. */
export function signingFault(action: string, cause: unknown): FlError {
  const message = cause instanceof Error ? cause.message : "";
  if (/permission|denied|forbidden|not been used|disabled/i.test(message))
    return new FlError(
      "internal",
      `Cannot ${action}: the service account may not sign for itself; give it roles/iam.serviceAccountTokenCreator on itself, and enable the API iamcredentials.googleapis.com.`,
      { cause, retry: "needs-a-person" },
    );
  return new FlError("unavailable", `Cannot ${action}: IAM did not sign.`, { cause });
}

/** The HTTP status in an error of any of the client's layers. */
function statusOf(error: unknown): number | undefined {
  const { code, status } = properties(error);
  const known = [code, status].map(Number).find((value) => Number.isInteger(value) && value >= 400);
  return known !== undefined && known < 600 ? known : undefined;
}

function isDamaged(error: unknown): boolean {
  return ["CONTENT_DOWNLOAD_MISMATCH", "FILE_NO_UPLOAD", "FILE_NO_UPLOAD_DELETE"].includes(
    String(properties(error).code),
  );
}

/** Node's system errors have codes such as ECONNRESET; the HTTP layers mark cut connections otherwise. */
function isNetwork(error: unknown): boolean {
  const { code, type, name } = properties(error);
  return (
    /^(E[A-Z_]+|UND_ERR_.*)$/.test(String(code)) ||
    type === "system" ||
    ["AbortError", "FetchError", "TimeoutError"].includes(String(name))
  );
}

function properties(error: unknown): {
  readonly code?: unknown;
  readonly status?: unknown;
  readonly type?: unknown;
  readonly name?: unknown;
} {
  return typeof error === "object" && error !== null ? error : {};
}
