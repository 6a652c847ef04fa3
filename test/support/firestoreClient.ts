// The unmodified Firestore client against a local server, and where the tests get fresh names.
import { randomUUID } from "node:crypto";
import { type CollectionReference, Firestore, type Settings } from "@google-cloud/firestore";
import { afterAll, beforeAll } from "vitest";

// Else the client library looks for a metadata server, and warns when it finds none.
process.env["METADATA_SERVER_DETECTION"] = "none";

/** A client of its own project, so that what it writes meets nothing that others wrote. */
export function connectFirestore(address: string, settings: Settings = {}): Firestore {
  const projectId = `test-${randomUUID()}`;
  const headers = { Authorization: "Bearer owner" };
  return new Firestore({ projectId, host: address, ssl: false, customHeaders: headers, ...settings });
}

export interface FirestoreClient {
  readonly db: Firestore;
  /** A collection that no other test uses. */
  collection(): CollectionReference;
}

/** Connects before the tests of the enclosing `describe` and disconnects after them. */
export function useFirestore(address: () => string, settings: Settings = {}): FirestoreClient {
  let connected: Firestore | undefined;
  let collections = 0;
  beforeAll(() => {
    connected = connectFirestore(address(), settings);
  });
  afterAll(() => connected?.terminate());
  return {
    get db() {
      if (connected === undefined) throw new Error("Not connected yet.");
      return connected;
    },
    collection() {
      return this.db.collection(`c${collections++}`);
    },
  };
}
