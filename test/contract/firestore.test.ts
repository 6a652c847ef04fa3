// One contract for every Firestore of the local cloud, seen through the unmodified client library.
import { afterAll, beforeAll, describe } from "vitest";
import type { FirestoreService } from "../../infra/box/firestore/index.ts";
import { embeddedServer, officialServer } from "../support/firestoreServers.ts";
import { aggregationContract } from "./firestore/aggregation.ts";
import { bulkContract } from "./firestore/bulk.ts";
import { documentContract } from "./firestore/documents.ts";
import { limitContract } from "./firestore/limits.ts";
import { listenContract } from "./firestore/listen.ts";
import { preconditionContract } from "./firestore/preconditions.ts";
import { queryContract } from "./firestore/queries.ts";
import { queryRuleContract } from "./firestore/queryRules.ts";
import { transactionContract } from "./firestore/transactions.ts";

for (const { implementation, missing, start } of [embeddedServer, officialServer]) {
  const title = missing === undefined ? implementation : `${implementation} (skipped: ${missing})`;
  describe.skipIf(missing !== undefined)(title, () => {
    let service: FirestoreService | undefined;
    beforeAll(async () => {
      service = await start();
    });
    afterAll(() => service?.stop());
    const address = () => service?.address ?? "";

    describe("documents", () => documentContract(address));
    describe("preconditions", () => preconditionContract(address));
    describe("transactions", () => transactionContract(address, implementation));
    describe("queries", () => queryContract(address));
    describe("queries that are refused", () => queryRuleContract(address));
    describe("aggregations", () => aggregationContract(address));
    describe("listening", () => listenContract(address));
    describe("bulk writes", () => bulkContract(address));
    describe("limits", () => limitContract(address));
  });
}
