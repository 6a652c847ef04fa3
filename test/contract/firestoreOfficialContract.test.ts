// The official emulator of Firestore, where it is installed: the contract of both.
import { officialServer } from "../support/firestoreServers.ts";
import { firestoreContract } from "./firestore/firestoreContract.ts";

firestoreContract(officialServer);
