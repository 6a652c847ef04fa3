// The embedded Firestore: the contract of both.
import { embeddedServer } from "../support/firestoreServers.ts";
import { firestoreContract } from "./firestore/firestoreContract.ts";

firestoreContract(embeddedServer);
