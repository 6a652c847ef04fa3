// What a list of writes does to the documents: preconditions, masks and transforms, as one step or not at all.
import { isDeepStrictEqual } from "node:util";
import { FlError } from "../../../shared/core/errors.ts";
import type { Changes, DocumentView, StoredDocument } from "./documents.ts";
import { parseFieldPath, valueAt, withValueAt } from "./fieldPaths.ts";
import { checkDocumentSize, checkFields, checkValue } from "./limits.ts";
import type {
  Fields,
  FieldTransform,
  NumberValue,
  Precondition,
  Value,
  Write,
  WriteResult,
} from "./messages.ts";
import { checkWrittenName, isReserved } from "./names.ts";
import { fromTimestamp, type Micros, toTimestamp } from "./timestamps.ts";
import {
  array,
  compareValues,
  double,
  elementsOf,
  equalValues,
  integer,
  isNaNValue,
  isNumber,
  nullValue,
  timestamp,
} from "./values.ts";

const maxTransforms = 500;
const int64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };

export interface Outcome {
  readonly changes: Changes;
  readonly results: readonly WriteResult[];
}

/**
 * The name of the document that a write is for, once the write has been found possible.
 *
 * @throws FlError("invalid-argument") when the name, a value or a transform is one that the database refuses
 */
export function checkWrite(write: Write, database: string | undefined): string {
  switch (write.operation) {
    case "update":
      checkFields(write.update.fields);
      checkTransforms(write.updateTransforms);
      return checkWrittenName(write.update.name, database);
    case "delete":
      return checkWrittenName(write.delete, database);
    case "transform":
      checkTransforms(write.transform.fieldTransforms);
      return checkWrittenName(write.transform.document, database);
    default:
      throw new FlError("invalid-argument", "A write neither updates, deletes nor transforms.");
  }
}

/**
 * Works out what the writes change, one after another, without changing anything.
 *
 * @param writes  checked, with their documents' names
 * @param time    of the commit
 * @throws FlError("not-found" | "already-exists" | "failed-precondition") for a precondition that does not hold
 */
export function applyWrites(
  view: DocumentView,
  writes: readonly (readonly [name: string, write: Write])[],
  time: Micros,
): Outcome {
  const changes = new Map<string, StoredDocument | null>();
  const results = writes.map(([name, write]): WriteResult => {
    const staged = changes.get(name);
    const current = staged === undefined ? view.get(name) : (staged ?? undefined);
    checkPrecondition(write.currentDocument, name, current);
    if (write.operation === "delete") {
      changes.set(name, null);
      return { transformResults: [] };
    }
    const transforms =
      write.operation === "transform" ? write.transform.fieldTransforms : write.updateTransforms;
    const { fields, results: transformResults } = transform(
      updatedFields(write, current?.fields),
      transforms,
      time,
    );
    checkDocumentSize(name, fields);
    // A write that changes nothing leaves the update time as it was, and listeners undisturbed.
    if (current !== undefined && isDeepStrictEqual(fields, current.fields)) {
      return { updateTime: toTimestamp(current.updateTime), transformResults };
    }
    changes.set(name, { name, fields, createTime: current?.createTime ?? time, updateTime: time });
    return { updateTime: toTimestamp(time), transformResults };
  });
  return { changes, results };
}

function checkPrecondition(
  condition: Precondition | undefined,
  name: string,
  current: StoredDocument | undefined,
): void {
  if (condition?.conditionType === "exists") {
    if (condition.exists && current === undefined) {
      throw new FlError("not-found", `No document to update: "${name}".`);
    }
    if (!condition.exists && current !== undefined) {
      throw new FlError("already-exists", `Document already exists: "${name}".`);
    }
  }
  if (
    condition?.conditionType === "updateTime" &&
    current?.updateTime !== fromTimestamp(condition.updateTime)
  ) {
    throw new FlError("failed-precondition", `Document "${name}" is not of the required update time.`);
  }
}

function updatedFields(write: Write, current: Fields = {}): Fields {
  if (write.operation !== "update") return current;
  const { update, updateMask } = write;
  if (updateMask === undefined) return truncateTimes(update.fields);
  return updateMask.fieldPaths
    .map(parseFieldPath)
    .reduce(
      (fields, path) => withValueAt(fields, path, valueAt(truncateTimes(update.fields), path)),
      current,
    );
}

/** Times are stored in whole microseconds. */
function truncateTimes(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, truncateTime(value)]));
}

function truncateTime(value: Value): Value {
  switch (value.valueType) {
    case "timestampValue": {
      const { seconds = "0", nanos = 0 } = value.timestampValue;
      return timestamp({ seconds, nanos: nanos - (nanos % 1_000) });
    }
    case "arrayValue":
      return array(value.arrayValue.values.map(truncateTime));
    case "mapValue":
      return { ...value, mapValue: { fields: truncateTimes(value.mapValue.fields) } };
    default:
      return value;
  }
}

function checkTransforms(transforms: readonly FieldTransform[]): void {
  if (transforms.length > maxTransforms) {
    throw new FlError("invalid-argument", `A write has more than ${maxTransforms} field transforms.`);
  }
  for (const each of transforms) {
    const field = each.fieldPath ?? "";
    if (parseFieldPath(field).some(isReserved)) {
      throw new FlError("invalid-argument", `A field name in "${field}" is reserved.`);
    }
    switch (each.transformType) {
      case "setToServerValue":
        if (each.setToServerValue !== "REQUEST_TIME") {
          throw new FlError("invalid-argument", `The server value of "${field}" is not REQUEST_TIME.`);
        }
        break;
      case "increment":
      case "maximum":
      case "minimum":
        operandOf(each);
        break;
      case "appendMissingElements":
        checkValue(array(each.appendMissingElements.values), field);
        break;
      case "removeAllFromArray":
        checkValue(array(each.removeAllFromArray.values), field);
        break;
      default:
        throw new FlError("invalid-argument", `The transform of "${field}" has no type.`);
    }
  }
}

function transform(
  before: Fields,
  transforms: readonly FieldTransform[],
  time: Micros,
): { fields: Fields; results: Value[] } {
  let fields = before;
  const results = transforms.map((each) => {
    const path = parseFieldPath(each.fieldPath);
    const value = transformed(each, valueAt(fields, path), time);
    fields = withValueAt(fields, path, value);
    return value.valueType === "arrayValue" ? nullValue : value;
  });
  return { fields, results };
}

function transformed(each: FieldTransform, current: Value | undefined, time: Micros): Value {
  switch (each.transformType) {
    case "increment":
      return current !== undefined && isNumber(current) ? sum(current, operandOf(each)) : operandOf(each);
    case "maximum":
      return furthest(current, operandOf(each), 1);
    case "minimum":
      return furthest(current, operandOf(each), -1);
    case "appendMissingElements":
      return array(
        each.appendMissingElements.values.map(truncateTime).reduce(withElement, elementsOf(current)),
      );
    case "removeAllFromArray": {
      const removed = each.removeAllFromArray.values;
      return array(elementsOf(current).filter((x) => !removed.some((y) => equalValues(x, y))));
    }
    default:
      return timestamp(toTimestamp(time));
  }
}

function operandOf(
  each: FieldTransform & { transformType: "increment" | "maximum" | "minimum" },
): NumberValue {
  const operand =
    each.transformType === "increment"
      ? each.increment
      : each.transformType === "maximum"
        ? each.maximum
        : each.minimum;
  if (!isNumber(operand)) {
    throw new FlError(
      "invalid-argument",
      `The ${each.transformType} of "${each.fieldPath ?? ""}" is not a number.`,
    );
  }
  return operand;
}

/** Integers stay integers, held at the ends of the 64-bit range. */
function sum(a: NumberValue, b: NumberValue): Value {
  if (a.valueType === "integerValue" && b.valueType === "integerValue") {
    const exact = BigInt(a.integerValue) + BigInt(b.integerValue);
    return integer(exact > int64.max ? int64.max : exact < int64.min ? int64.min : exact);
  }
  return double(toNumber(a) + toNumber(b));
}

function toNumber(value: NumberValue): number {
  return value.valueType === "integerValue" ? Number(value.integerValue) : value.doubleValue;
}

/** The larger (sign 1) or the smaller (sign -1) of two numbers; of equal ones the stored one, and NaN if one is NaN. */
function furthest(current: Value | undefined, operand: NumberValue, sign: 1 | -1): Value {
  if (current === undefined || !isNumber(current)) return operand;
  if (isNaNValue(current) || isNaNValue(operand)) return double(Number.NaN);
  return compareValues(current, operand) * sign >= 0 ? current : operand;
}

function withElement(elements: readonly Value[], element: Value): readonly Value[] {
  return elements.some((each) => equalValues(each, element)) ? elements : [...elements, element];
}
