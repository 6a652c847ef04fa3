// What a request is about, as full names: of documents, of the collection that a query reads, of a parent.
import type * as message from "./messages.ts";

export function writtenNames({
  writes,
}: message.CommitRequest | message.BatchWriteRequest): readonly string[] {
  return writes.map(nameOf);
}

export function queried(request: message.RunQueryRequest): readonly string[] {
  return collectionOf(request.parent, request.structuredQuery);
}

export function aggregated(request: message.RunAggregationQueryRequest): readonly string[] {
  return collectionOf(request.parent, request.structuredAggregationQuery?.structuredQuery);
}

function collectionOf(parent = "", query: message.StructuredQuery | undefined): readonly string[] {
  return query?.from.map(({ collectionId = "" }) => `${parent}/${collectionId}`) ?? [parent];
}

function nameOf(write: message.Write): string {
  switch (write.operation) {
    case "update":
      return write.update.name;
    case "delete":
      return write.delete;
    case "transform":
      return write.transform.document ?? "";
    default:
      return "";
  }
}
