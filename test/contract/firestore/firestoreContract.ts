// The contract of every Firestore of the local cloud, seen through the unmodified client library: all its
// parts.
import { afterAll, beforeAll, describe } from "vitest";
import type { FirestoreService } from "../../../infra/box/firestore/index.ts";
import type { FirestoreServer } from "../../support/firestoreServers.ts";
import { aggregationContract } from "./aggregation.ts";
import { bulkContract } from "./bulk.ts";
import { documentContract } from "./documents.ts";
import { limitContract } from "./limits.ts";
import { listenContract } from "./listen.ts";
import { preconditionContract } from "./preconditions.ts";
import { queryContract } from "./queries.ts";
import { queryRuleContract } from "./queryRules.ts";
import { transactionContract } from "./transactions.ts";

export function firestoreContract({ implementation, missing, start }: FirestoreServer): void {
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
