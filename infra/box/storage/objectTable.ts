// Buckets and what is in them, in memory; contents are blobs on disk. Every change happens in one synchronous
// step, so that a precondition and the write it guards cannot be torn apart by another request.
import { noState, type State, type StateTable } from "../state/state.ts";
import type { Blob } from "./blobFolder.ts";
import { StorageError } from "./storageError.ts";

/** What a writer says about an object, beside its content. */
export interface ObjectAttributes {
  readonly contentType?: string;
  readonly contentEncoding?: string;
  readonly contentDisposition?: string;
  readonly contentLanguage?: string;
  readonly cacheControl?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface StoredObject extends ObjectAttributes {
  readonly bucket: string;
  readonly name: string;
  readonly generation: number;
  readonly metageneration: number;
  readonly blob: Blob;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** Of how many parts it was composed; absent when it was uploaded. */
  readonly componentCount?: number;
}

/** Conditions on the object that is there now; generation 0 stands for "none". */
export interface Preconditions {
  readonly ifGenerationMatch?: string;
  readonly ifGenerationNotMatch?: string;
  readonly ifMetagenerationMatch?: string;
  readonly ifMetagenerationNotMatch?: string;
}

export interface ListQuery {
  readonly prefix: string;
  readonly delimiter: string;
  readonly startOffset: string;
  readonly endOffset: string;
  readonly pageToken: string;
  readonly maxResults: number;
}

export interface ListPage {
  readonly objects: readonly StoredObject[];
  readonly prefixes: readonly string[];
  readonly nextPageToken?: string;
}

const BUCKET_NAME = /^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/;

export class ObjectTable {
  readonly #buckets = new Map<string, { createdAt: Date; objects: Map<string, StoredObject> }>();
  readonly #dropBlob: (blob: Blob) => void;
  readonly #keptBuckets: StateTable<{ readonly createdAt: Date }>;
  readonly #keptObjects: StateTable<StoredObject>;
  #generation = Date.now() * 1000;

  /**
   * @param dropBlob called with each content that no object has any longer.
   * @param state holds the buckets and objects to begin with, and keeps every change; default none.
   */
  constructor(dropBlob: (blob: Blob) => void, state: State = noState) {
    this.#dropBlob = dropBlob;
    this.#keptBuckets = state.table("buckets");
    this.#keptObjects = state.table("objects");
    for (const [name, { createdAt }] of this.#keptBuckets.entries())
      this.#buckets.set(name, { createdAt, objects: new Map() });
    for (const [, object] of this.#keptObjects.entries()) {
      this.#bucket(object.bucket).objects.set(object.name, object);
      this.#generation = Math.max(this.#generation, object.generation);
    }
  }

  /** The files that hold a content. */
  files(): ReadonlySet<string> {
    const buckets = [...this.#buckets.values()];
    return new Set(buckets.flatMap(({ objects }) => [...objects.values()].map(({ blob }) => blob.file)));
  }

  hasBucket(name: string): boolean {
    return this.#buckets.has(name);
  }

  createBucket(name: string): void {
    if (!BUCKET_NAME.test(name)) throw new StorageError("invalid", `Invalid bucket name: '${name}'`);
    if (this.#buckets.has(name)) throw new StorageError("conflict", "You already own a bucket of this name.");
    const createdAt = new Date();
    this.#keptBuckets.put(name, { createdAt });
    this.#buckets.set(name, { createdAt, objects: new Map() });
  }

  bucketNames(): string[] {
    return [...this.#buckets.keys()].sort();
  }

  bucketCreatedAt(name: string): Date {
    return this.#bucket(name).createdAt;
  }

  deleteBucket(name: string): void {
    if (this.#bucket(name).objects.size > 0)
      throw new StorageError("notEmpty", "The bucket you tried to delete is not empty.");
    this.#keptBuckets.delete(name);
    this.#buckets.delete(name);
  }

  /** The object, when it is there and meets the conditions. */
  get(bucket: string, name: string, conditions: Preconditions = {}, generation?: string): StoredObject {
    const object = this.#bucket(bucket).objects.get(name);
    if (object === undefined || (generation !== undefined && generation !== `${object.generation}`))
      throw new StorageError("noObject", `No such object: ${bucket}/${name}`);
    check(object, conditions);
    return object;
  }

  has(bucket: string, name: string): boolean {
    return this.#buckets.get(bucket)?.objects.has(name) === true;
  }

  /** Throws what `put` would throw, before a body is read for nothing. */
  checkPut(bucket: string, name: string, conditions: Preconditions): void {
    checkName(name);
    check(this.#bucket(bucket).objects.get(name), conditions);
  }

  put(
    bucket: string,
    name: string,
    content: ObjectAttributes & { readonly blob: Blob; readonly componentCount?: number },
    conditions: Preconditions = {},
  ): StoredObject {
    this.checkPut(bucket, name, conditions);
    const { objects } = this.#bucket(bucket);
    const old = objects.get(name);
    this.#generation += 1;
    const now = new Date();
    const object = {
      contentType: "application/octet-stream",
      ...content,
      bucket,
      name,
      generation: this.#generation,
      metageneration: 1,
      createdAt: now,
      updatedAt: now,
    };
    this.#keptObjects.put(`${bucket}/${name}`, object);
    objects.set(name, object);
    if (old !== undefined) this.#dropBlob(old.blob);
    return object;
  }

  update(
    bucket: string,
    name: string,
    change: (object: StoredObject) => ObjectAttributes,
    conditions: Preconditions = {},
  ): StoredObject {
    const old = this.get(bucket, name, conditions);
    const object = {
      ...old,
      ...change(old),
      metageneration: old.metageneration + 1,
      updatedAt: new Date(),
    };
    this.#keptObjects.put(`${bucket}/${name}`, object);
    this.#bucket(bucket).objects.set(name, object);
    return object;
  }

  delete(bucket: string, name: string, conditions: Preconditions = {}, generation?: string): void {
    const { blob } = this.get(bucket, name, conditions, generation);
    this.#keptObjects.delete(`${bucket}/${name}`);
    this.#bucket(bucket).objects.delete(name);
    this.#dropBlob(blob);
  }

  /**
   * One page: objects and, with a delimiter, the groups that stand for the rest, together in the order of
   * UTF-8 bytes.
   */
  list(bucket: string, query: ListQuery): ListPage {
    const { prefix, delimiter, startOffset, endOffset, pageToken, maxResults } = query;
    const names = [...this.#bucket(bucket).objects.keys()].filter((name) => name.startsWith(prefix));
    const sorted = names.sort(byUtf8);
    const after = pageToken === "" ? undefined : Buffer.from(pageToken, "base64url").toString();
    const objects: StoredObject[] = [];
    const prefixes: string[] = [];
    let last: string | undefined;
    for (const name of sorted) {
      if (byUtf8(name, startOffset) < 0 || (endOffset !== "" && byUtf8(name, endOffset) >= 0)) continue;
      const cut = delimiter === "" ? -1 : name.indexOf(delimiter, prefix.length);
      const key = cut < 0 ? name : name.slice(0, cut + delimiter.length);
      if (key === last || (after !== undefined && byUtf8(key, after) <= 0)) continue;
      if (objects.length + prefixes.length >= maxResults)
        return { objects, prefixes, nextPageToken: Buffer.from(last ?? "").toString("base64url") };
      if (cut < 0) objects.push(this.get(bucket, name));
      else prefixes.push(key);
      last = key;
    }
    return { objects, prefixes };
  }

  #bucket(name: string) {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) throw new StorageError("noBucket", "The specified bucket does not exist.");
    return bucket;
  }
}

function check(object: StoredObject | undefined, conditions: Preconditions): void {
  const generation = `${object?.generation ?? 0}`;
  const metageneration = `${object?.metageneration ?? 0}`;
  const { ifGenerationMatch, ifGenerationNotMatch } = conditions;
  const { ifMetagenerationMatch, ifMetagenerationNotMatch } = conditions;
  if (
    (ifGenerationMatch ?? generation) !== generation ||
    (ifMetagenerationMatch ?? metageneration) !== metageneration
  )
    throw new StorageError("precondition", "At least one of the pre-conditions you specified did not hold.");
  if (ifGenerationNotMatch === generation || ifMetagenerationNotMatch === metageneration)
    throw new StorageError("notModified", "Not Modified");
}

function checkName(name: string): void {
  const sizeBytes = Buffer.byteLength(name);
  if (sizeBytes < 1 || sizeBytes > 1024 || /[\r\n]/.test(name) || name === "." || name === "..")
    throw new StorageError("invalid", "An object's name is 1 to 1024 bytes of UTF-8 without line breaks.");
}

function byUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
