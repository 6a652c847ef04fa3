// The store's reads for the api on the official emulator, where it is installed.
import { officialMissing } from "../support/firestoreServers.ts";
import { storeReads } from "./store/storeReads.ts";

storeReads("official", officialMissing);
