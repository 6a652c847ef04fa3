// The store's reads for the api on the embedded Firestore, with what they are billed for.
import { storeReads } from "./store/storeReads.ts";

storeReads("embedded");
