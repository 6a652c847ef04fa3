// The Firestore implementations that can be tested here: the embedded one always, the official one where it
// is found.
import { fileURLToPath } from "node:url";
import { findOfficial } from "../../infra/box/firestore/findOfficial.ts";
import { type FirestoreService, startFirestore } from "../../infra/box/firestore/index.ts";

const cacheDir = fileURLToPath(new URL("../../node_modules/.cache/fedstratus", import.meta.url));
const search = await findOfficial(process.env);

/** Why the official emulator cannot be tested here; undefined when it can. */
export const officialMissing: string | undefined = "missing" in search ? search.missing : undefined;

export interface FirestoreServer {
  readonly implementation: "embedded" | "official";
  /** Why it is skipped; undefined when it is not. */
  readonly missing: string | undefined;
  start(): Promise<FirestoreService>;
}

export const embeddedServer: FirestoreServer = {
  implementation: "embedded",
  missing: undefined,
  start: () => startFirestore({ implementation: "embedded" }),
};

export const officialServer: FirestoreServer = {
  implementation: "official",
  missing: officialMissing,
  start: () => startFirestore({ implementation: "official", cacheDir }),
};
