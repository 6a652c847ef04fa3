// Reads documents by listening for them: a kind of call that the functions do not make, so that a fault of
// theirs never strikes the test that waits for its end.
import {
  type CollectionReference,
  type DocumentSnapshot,
  Firestore,
  type QuerySnapshot,
} from "@google-cloud/firestore";
import { fromDocument } from "../../../shared/cloud/store/documents.ts";
import { type Ref, refs, type Store } from "../../../shared/core/ports/store.ts";
import { roundKey } from "../../../shared/core/schemas/ids.ts";
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";
import type { RosterShard } from "../../../shared/core/schemas/roster.ts";
import type { Round } from "../../../shared/core/schemas/round.ts";

export interface Listener {
  readonly get: Store["get"];
  /** By number. */
  rounds(runId: string): Promise<readonly Round[]>;
  /** By client name. */
  invocations(runId: string, round: number): Promise<readonly Invocation[]>;
  rosterShards(runId: string): Promise<readonly RosterShard[]>;
  close(): Promise<void>;
}

export function connectListener(projectId: string): Listener {
  const db = new Firestore({ projectId });
  const all = async <T>(collection: CollectionReference, refOf: (id: string) => Ref<T>) => {
    const { docs } = await new Promise<QuerySnapshot>((resolve, reject) => {
      const stop = collection.onSnapshot((snapshot) => {
        stop();
        resolve(snapshot);
      }, reject);
    });
    return docs.map((document) => fromDocument(refOf(document.id), document.data()));
  };
  const roundsPath = (runId: string) => `runs/${runId}/rounds`;
  return {
    get: async (ref) => {
      const snapshot = await new Promise<DocumentSnapshot>((resolve, reject) => {
        const stop = db.doc(ref.path).onSnapshot((found) => {
          stop();
          resolve(found);
        }, reject);
      });
      const fields = snapshot.data();
      return fields === undefined ? null : fromDocument(ref, fields);
    },
    rounds: (runId) => all(db.collection(roundsPath(runId)), (id) => refs.round(runId, Number(id))),
    invocations: (runId, round) =>
      all(db.collection(`${roundsPath(runId)}/${roundKey(round)}/invocations`), (id) =>
        refs.invocation(runId, round, id),
      ),
    rosterShards: (runId) =>
      all(db.collection(`runs/${runId}/roster`), (id) => refs.rosterShard(runId, Number(id))),
    close: () => db.terminate(),
  };
}
