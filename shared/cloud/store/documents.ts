// Between typed values and what Firestore keeps: instants are timestamps there, and everything is checked both ways.
import type { DocumentData } from "@google-cloud/firestore";
import * as z from "zod";
import { FlError } from "../../core/errors.ts";
import type { Ref } from "../../core/ports/store.ts";

/** Makes a Firestore timestamp; given as an argument so that this file needs no Google library. */
export type MakeTimestamp = (epochMs: number) => unknown;

const ISO_INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** The fields to write for a value. Fields named `…At` become timestamps, so that the console and TTL understand them. */
export function toDocument<T>(ref: Ref<T>, value: T, makeTimestamp: MakeTimestamp): DocumentData {
  const wire = z.encode(ref.schema, value);
  return mapLeaves(wire, (leaf, name) =>
    name.endsWith("At") && typeof leaf === "string" && ISO_INSTANT.test(leaf)
      ? makeTimestamp(Date.parse(leaf))
      : leaf,
  ) as DocumentData;
}

/**
 * The value of a document's fields.
 *
 * @throws FlError("data-loss") naming the document and every field that is not as its schema says.
 */
export function fromDocument<T>(ref: Ref<T>, fields: DocumentData): T {
  const wire = mapLeaves(fields, (leaf) =>
    isTimestamp(leaf) ? new Date(leaf.toMillis()).toISOString() : leaf,
  );
  const parsed = ref.schema.safeParse(wire);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => ({
    path: issue.path.join("."),
    message: issue.message,
  }));
  const list = problems.map(({ path, message }) => `${path}: ${message}`).join("; ");
  throw new FlError("data-loss", `Document ${ref.path} is not as expected (${list}).`, {
    problems,
    retry: "never",
  });
}

function isTimestamp(value: unknown): value is { toMillis(): number } {
  return (
    typeof value === "object" && value !== null && "toMillis" in value && typeof value.toMillis === "function"
  );
}

function mapLeaves(value: unknown, change: (leaf: unknown, name: string) => unknown, name = ""): unknown {
  if (Array.isArray(value)) return value.map((item) => mapLeaves(item, change, name));
  if (typeof value === "object" && value !== null && !isTimestamp(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, mapLeaves(item, change, key)]),
    );
  }
  return change(value, name);
}
