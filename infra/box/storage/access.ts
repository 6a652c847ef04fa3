// Who may do what: access tokens name a service account, and a list of grants says what each may do where.
import { StorageError } from "./storageError.ts";

/**
 * `reader`: read and list objects. `creator`: that, and create new ones. `writer`: that, and replace and
 * delete them. `admin`: that, and the bucket itself.
 */
export type Role = "reader" | "creator" | "writer" | "admin";

export interface Grant {
  /** The service account's e-mail address. */
  readonly member: string;
  readonly bucket: string;
  /** Only objects whose names begin so, as with a managed folder; default all. An `admin` has no prefix. */
  readonly prefix?: string;
  readonly role: Role;
}

/** What the storage server needs to know of the identities: the metadata service's `identities` fits. */
export interface Verifier {
  emailOfAccessToken(token: string): string | undefined;
  verifyBlob(payload: Uint8Array, signature: Uint8Array): boolean;
}

const ROLES: readonly Role[] = ["reader", "creator", "writer", "admin"];
const PERMISSIONS = {
  reader: "storage.objects.get",
  creator: "storage.objects.create",
  writer: "storage.objects.delete",
  admin: "storage.buckets.update",
} as const;

export class Access {
  readonly #grants: readonly Grant[];
  readonly #verifier: Verifier;

  constructor(grants: readonly Grant[], verifier: Verifier) {
    this.#grants = grants;
    this.#verifier = verifier;
  }

  /** The service account that a request's `Authorization` header names. */
  caller(authorization: string | undefined): string {
    const token = /^Bearer (\S+)$/i.exec(authorization ?? "")?.[1];
    const email = token === undefined ? undefined : this.#verifier.emailOfAccessToken(token);
    if (email === undefined) throw new StorageError("unauthenticated", "Invalid Credentials");
    return email;
  }

  /** Whether a signature was made by this cloud's IAM. */
  isSigned(payload: Uint8Array, signature: Uint8Array): boolean {
    return this.#verifier.verifyBlob(payload, signature);
  }

  /**
   * Refuses unless `member` has at least `role` on the object.
   *
   * @param name an object's name, or the prefix of a listing, or "" for the bucket.
   */
  require(member: string, role: Role, bucket: string, name: string): void {
    if (!this.allows(member, role, bucket, name))
      throw new StorageError(
        "forbidden",
        `${member} does not have ${PERMISSIONS[role]} access to ${bucket}/${name}, or it does not exist.`,
      );
  }

  /**
   * Refuses unless `member` may write the object: over one that is there, it takes the right to delete that.
   */
  requireWrite(member: string, bucket: string, name: string, isThere: boolean): void {
    this.require(member, isThere ? "writer" : "creator", bucket, name);
  }

  allows(member: string, role: Role, bucket: string, name: string): boolean {
    return this.#grants.some(
      (grant) =>
        grant.member === member &&
        grant.bucket === bucket &&
        name.startsWith(grant.prefix ?? "") &&
        ROLES.indexOf(grant.role) >= ROLES.indexOf(role),
    );
  }
}
