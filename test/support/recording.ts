// A deployment's documents and objects as plain JSON: recorded from a local cloud, and put into another one.
import { Firestore, Timestamp } from "@google-cloud/firestore";
import { updateObject } from "../../shared/core/round/objects.ts";
import type { TestCloud } from "./cloud.ts";

/** Fields as the database keeps them; a moment is `{ "@timestamp": ISO 8601 }`. */
type Fields = Readonly<Record<string, unknown>>;

export interface Recording {
  /** Which release wrote it. */
  readonly release: string;
  readonly recordedAt: string;
  /** Fields by path. */
  readonly documents: Readonly<Record<string, Fields>>;
  /** Contents in base64 by name. */
  readonly objects: Readonly<Record<string, string>>;
}

/** Everything that is stored, while nothing is written. */
export async function record(cloud: TestCloud, release: string): Promise<Recording> {
  const documents: Record<string, Fields> = {};
  const read = async (parent: Firestore | FirebaseFirestore.DocumentReference): Promise<void> => {
    for (const collection of await parent.listCollections()) {
      for (const { ref, ...snapshot } of (await collection.get()).docs.map((doc) => ({
        ref: doc.ref,
        fields: doc.data(),
      }))) {
        documents[ref.path] = toJson(snapshot.fields) as Fields;
        await read(ref);
      }
    }
  };
  await withDatabase(cloud, read);
  const objects: Record<string, string> = {};
  const { objects: found } = await cloud.objects.list("");
  for (const { name } of found) {
    objects[name] = Buffer.from(await cloud.objects.read(name)).toString("base64");
  }
  const recordedAt = new Date().toISOString();
  return { release, recordedAt, documents: sorted(documents), objects: sorted(objects) };
}

/**
 * Puts a recording into an empty cloud, where it was made so long ago.
 *
 * @param change of each document's fields, as JSON, before they are written.
 */
export async function restore(
  cloud: TestCloud,
  recording: Recording,
  agoMs: number,
  change: (fields: Fields, path: string) => Fields = (fields) => fields,
): Promise<void> {
  const laterMs = Date.now() - agoMs - Date.parse(recording.recordedAt);
  const generations = new Map<string, string>();
  for (const [name, content] of Object.entries(recording.objects)) {
    const { generation } = await cloud.objects.write(name, Buffer.from(content, "base64"));
    generations.set(name, generation);
  }
  // An object that is put into another bucket is another write of it.
  const moved = (fields: Fields, path: string): Fields => {
    const [, runId = "", , round = "", , clientId = ""] = path.split("/");
    if (typeof fields["updateGeneration"] !== "string") return fields;
    const { attempt } = fields["update"] as { attempt: number };
    const generation = generations.get(updateObject(runId, { round: Number(round), clientId, attempt }));
    return { ...fields, updateGeneration: generation ?? fields["updateGeneration"] };
  };
  await withDatabase(cloud, async (db) => {
    for (const [path, fields] of Object.entries(recording.documents)) {
      await db
        .doc(path)
        .set(fromJson(change(moved(fields, path), path), laterMs) as FirebaseFirestore.DocumentData);
    }
  });
}

/** The database behind a cloud, as a console sees it. */
export async function withDatabase<R>(cloud: TestCloud, use: (db: Firestore) => Promise<R>): Promise<R> {
  const db = new Firestore({ projectId: cloud.projectId });
  try {
    return await use(db);
  } finally {
    await db.terminate();
  }
}

function toJson(value: unknown): unknown {
  if (value instanceof Timestamp) return { "@timestamp": value.toDate().toISOString() };
  return mapped(value, toJson);
}

function fromJson(value: unknown, laterMs: number): unknown {
  if (typeof value === "object" && value !== null && "@timestamp" in value) {
    return Timestamp.fromMillis(Date.parse(String(value["@timestamp"])) + laterMs);
  }
  return mapped(value, (item) => fromJson(item, laterMs));
}

function mapped(value: unknown, change: (item: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(change);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, change(item)]));
}

function sorted<T>(entries: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1)));
}
