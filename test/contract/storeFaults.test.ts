// The store where the database fails: what is tried again inside, and what is the caller's to decide.
import { afterAll, beforeAll, expect, it } from "vitest";
import { CallFaults } from "../../infra/box/callFaults.ts";
import { startEmbedded } from "../../infra/box/firestore/embedded.ts";
import { connectStore } from "../../shared/cloud/store/firestoreStore.ts";
import { refs } from "../../shared/core/ports/store.ts";

const faults = new CallFaults();
const before = { ...process.env };
let stop: () => Promise<void> = async () => undefined;
let store: ReturnType<typeof connectStore>;

beforeAll(async () => {
  const server = await startEmbedded({ faults });
  Object.assign(process.env, server.env, { METADATA_SERVER_DETECTION: "none" });
  store = connectStore({ projectId: "store-faults", databaseId: "(default)" });
  stop = async () => {
    await store.close();
    await server.stop();
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Object.assign(process.env, before);
  };
});
afterAll(() => stop());

/** How often a transaction that reads one document was begun, when its first read fails once. */
async function attemptsWhen(
  answer: "UNAVAILABLE" | "ABORTED" | "RESOURCE_EXHAUSTED",
  read: "get" | "getAll",
) {
  let attempts = 0;
  const ref = refs.run("r-1");
  faults.inject({ service: "firestore", method: "BatchGetDocuments", answer, applied: false });
  const result = store.transact("claim", async (transaction) => {
    attempts++;
    return read === "get" ? transaction.get(ref) : (await transaction.getAll([ref]))[0];
  });
  const outcome = await result.catch((error: unknown) => error);
  return { attempts, outcome };
}

it.each(["get", "getAll"] as const)(
  "a passing fault of a transaction's read costs nothing: %s",
  async (read) => {
    expect((await attemptsWhen("UNAVAILABLE", read)).outcome).toBeNull();
    expect((await attemptsWhen("ABORTED", read)).outcome).toBeNull();
  },
);

// The library would wait for 30 to 90 s before it tried again, longer than a function may take.
it.each(["get", "getAll"] as const)("an exhausted database is reported at once: %s", async (read) => {
  expect(await attemptsWhen("RESOURCE_EXHAUSTED", read)).toMatchObject({
    attempts: 1,
    outcome: { name: "FlError", code: "resource-exhausted" },
  });
});
