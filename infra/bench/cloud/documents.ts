// What the local cloud's database holds, by collection, and which of it Firestore removes by itself where it
// is deployed.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Client, credentials } from "@grpc/grpc-js";
import * as z from "zod";
import { FlError } from "../../../shared/core/errors.ts";
import { serviceDefinition } from "../../box/firestore/protocol.ts";

const CollectionIds = z.object({ collectionIds: z.array(z.string()) });
const Documents = z.object({ documents: z.array(z.object({ name: z.string() })) });
const Counted = z.object({
  result: z.object({ aggregateFields: z.object({ all: z.object({ integerValue: z.coerce.number() }) }) }),
});

/**
 * How many documents each collection has, by its id, all that have the same one together. A collection is
 * found below the first document of another, for all documents of a kind have the same.
 *
 * @param address of the Firestore, `host:port`.
 */
export async function countDocuments(
  address: string,
  projectId: string,
): Promise<ReadonlyMap<string, number>> {
  const client = new Client(address, credentials.createInsecure());
  const root = `projects/${projectId}/databases/(default)/documents`;
  const counts = new Map<string, number>();
  const look = async (parent: string) => {
    const { collectionIds } = CollectionIds.parse(await ask(client, "ListCollectionIds", { parent }));
    for (const collectionId of collectionIds.filter((id) => !counts.has(id))) {
      const structuredQuery = { from: [{ collectionId, allDescendants: true }] };
      const structuredAggregationQuery = { structuredQuery, aggregations: [{ alias: "all", count: {} }] };
      const counted = await ask(client, "RunAggregationQuery", { parent: root, structuredAggregationQuery });
      counts.set(collectionId, Counted.parse(counted).result.aggregateFields.all.integerValue);
      const page = { parent, collectionId, pageSize: 1, mask: { fieldPaths: ["__name__"] } };
      const { documents } = Documents.parse(await ask(client, "ListDocuments", page));
      for (const { name } of documents) await look(name);
    }
  };
  try {
    await look(root);
  } finally {
    client.close();
  }
  return counts;
}

/**
 * The answer to one call, the first where there are several. Without Google's client: that is the functions'
 * alone.
 */
function ask(client: Client, name: string, request: object): Promise<unknown> {
  const method = serviceDefinition()[name];
  if (method === undefined) throw new FlError("internal", `Firestore has no call ${name}.`);
  const { path, requestSerialize, responseDeserialize } = method;
  return new Promise((resolve, reject) => {
    if (!method.responseStream) {
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer) => {
        if (error === null) resolve(answer);
        else reject(error);
      });
      return;
    }
    client
      .makeServerStreamRequest(path, requestSerialize, responseDeserialize, request)
      .on("data", resolve)
      .on("error", reject)
      .on("end", () => reject(new FlError("internal", `${name} gave no answer.`)));
  });
}

const INDEXES = new URL("../../../terraform/modules/database/indexes.tf", import.meta.url);

/**
 * The collections with a time to live, as they are deployed, and the field that says when a document is
 * removed.
 *
 * @throws FlError("failed-precondition") when the terraform configuration lacks them.
 */
export async function expiringCollections(): Promise<ReadonlyMap<string, string>> {
  const [, block = ""] = /^ {2}expiring = \{\n(.*?)^ {2}\}$/ms.exec(await readFile(INDEXES, "utf8")) ?? [];
  const fields = new Map(
    [...block.matchAll(/^ {4}(\w+) += "(\w+)"$/gm)].map(([, id = "", field = ""]) => [id, field]),
  );
  if (fields.size > 0) return fields;
  throw new FlError("failed-precondition", `${fileURLToPath(INDEXES)} has no table of expiring collections.`);
}
