// What can go wrong in Cloud Storage, with the status and the names that the JSON and the XML API have for
// it.

const KINDS = {
  invalid: { status: 400, reason: "invalid", xml: "InvalidArgument" },
  malformed: { status: 400, reason: "invalid", xml: "MalformedSecurityHeader" },
  expired: { status: 400, reason: "invalid", xml: "ExpiredToken" },
  badDigest: { status: 400, reason: "invalid", xml: "BadDigest" },
  tooLarge: { status: 400, reason: "invalid", xml: "EntityTooLarge" },
  tooSmall: { status: 400, reason: "invalid", xml: "EntityTooSmall" },
  unauthenticated: { status: 401, reason: "authError", xml: "AuthenticationRequired" },
  forbidden: { status: 403, reason: "forbidden", xml: "AccessDenied" },
  badSignature: { status: 403, reason: "forbidden", xml: "SignatureDoesNotMatch" },
  noBucket: { status: 404, reason: "notFound", xml: "NoSuchBucket" },
  noObject: { status: 404, reason: "notFound", xml: "NoSuchKey" },
  noMethod: { status: 501, reason: "notImplemented", xml: "NotImplemented" },
  conflict: { status: 409, reason: "conflict", xml: "BucketAlreadyOwnedByYou" },
  notEmpty: { status: 409, reason: "conflict", xml: "BucketNotEmpty" },
  precondition: { status: 412, reason: "conditionNotMet", xml: "PreconditionFailed" },
  notModified: { status: 304, reason: "notModified", xml: "NotModified" },
  badRange: { status: 416, reason: "requestedRangeNotSatisfiable", xml: "InvalidRange" },
  internal: { status: 500, reason: "backendError", xml: "InternalError" },
} as const;

export type StorageErrorKind = keyof typeof KINDS;

export class StorageError extends Error {
  override readonly name = "StorageError";
  readonly kind: StorageErrorKind;

  constructor(kind: StorageErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }

  get status(): number {
    return KINDS[this.kind].status;
  }

  /** The body in the JSON API's shape. */
  toJson(): string {
    const { status, reason } = KINDS[this.kind];
    return JSON.stringify({
      error: {
        code: status,
        message: this.message,
        errors: [{ message: this.message, domain: "global", reason }],
      },
    });
  }

  /** The body in the XML API's shape. */
  toXml(): string {
    const { xml } = KINDS[this.kind];
    return `<?xml version='1.0' encoding='UTF-8'?><Error><Code>${xml}</Code><Message>${escapeXml(this.message)}</Message></Error>`;
  }
}

/** Anything thrown, as an error of Cloud Storage. */
export function asStorageError(error: unknown): StorageError {
  return error instanceof StorageError ? error : new StorageError("internal", String(error));
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
