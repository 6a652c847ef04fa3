// The order and the equality of Firestore values, across all types, and the constructors of the few values
// the server makes. https://cloud.google.com/firestore/docs/concepts/data-types#value_type_ordering
import type { Fields, NumberValue, Timestamp, Value } from "./messages.ts";

const typeRanks = {
  nullValue: 0,
  booleanValue: 1,
  integerValue: 2,
  doubleValue: 2,
  timestampValue: 3,
  stringValue: 4,
  bytesValue: 5,
  referenceValue: 6,
  geoPointValue: 7,
  arrayValue: 8,
  mapValue: 10,
} as const;

export const vectorRank = 9;

export const nullValue: Value = { valueType: "nullValue", nullValue: "NULL_VALUE" };

export const integer = (n: number | bigint): Value => ({
  valueType: "integerValue",
  integerValue: String(n),
});
export const double = (n: number): Value => ({ valueType: "doubleValue", doubleValue: n });
export const array = (values: readonly Value[]): Value => ({
  valueType: "arrayValue",
  arrayValue: { values },
});
export const map = (fields: Fields): Value => ({ valueType: "mapValue", mapValue: { fields } });
export const reference = (name: string): Value => ({ valueType: "referenceValue", referenceValue: name });
export const timestamp = (time: Timestamp): Value => ({ valueType: "timestampValue", timestampValue: time });

function isNumber(value: Value): value is NumberValue {
  return value.valueType === "integerValue" || value.valueType === "doubleValue";
}

export function isNaNValue(value: Value): boolean {
  return value.valueType === "doubleValue" && Number.isNaN(value.doubleValue);
}

/** The elements of an array value, and none for any other. */
export function elementsOf(value: Value | undefined): readonly Value[] {
  return value?.valueType === "arrayValue" ? value.arrayValue.values : [];
}

/**
 * The place of the value's type in the order of types: values of one rank can be compared by an inequality
 * filter.
 */
export function rankOf(value: Value): number {
  return isVector(value) ? vectorRank : typeRanks[value.valueType];
}

export function equalValues(a: Value, b: Value): boolean {
  return compareValues(a, b) === 0;
}

/** With every time in whole microseconds, as they are stored. */
export function truncateTimes(fields: Fields): Fields {
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

/**
 * Negative, zero or positive. A total order: 1 and 1.0 are equal, NaN is below every number and equal to
 * itself.
 */
export function compareValues(a: Value, b: Value): number {
  const byRank = rankOf(a) - rankOf(b);
  if (byRank !== 0) return byRank;
  if (isNumber(a) && isNumber(b)) return compareNumbers(a, b);
  if (a.valueType === "booleanValue" && b.valueType === "booleanValue") {
    return Number(a.booleanValue) - Number(b.booleanValue);
  }
  if (a.valueType === "timestampValue" && b.valueType === "timestampValue") {
    return compareTimestamps(a.timestampValue, b.timestampValue);
  }
  if (a.valueType === "stringValue" && b.valueType === "stringValue") {
    return compareUtf8(a.stringValue, b.stringValue);
  }
  if (a.valueType === "bytesValue" && b.valueType === "bytesValue") {
    return Buffer.compare(a.bytesValue, b.bytesValue);
  }
  if (a.valueType === "referenceValue" && b.valueType === "referenceValue") {
    return compareNames(a.referenceValue, b.referenceValue);
  }
  if (a.valueType === "geoPointValue" && b.valueType === "geoPointValue") {
    const [p, q] = [a.geoPointValue, b.geoPointValue];
    return (p.latitude ?? 0) - (q.latitude ?? 0) || (p.longitude ?? 0) - (q.longitude ?? 0);
  }
  if (a.valueType === "arrayValue" && b.valueType === "arrayValue") {
    return compareLists(a.arrayValue.values, b.arrayValue.values, compareValues);
  }
  if (a.valueType === "mapValue" && b.valueType === "mapValue") {
    return rankOf(a) === vectorRank
      ? compareVectors(a.mapValue.fields, b.mapValue.fields)
      : compareMaps(a.mapValue.fields, b.mapValue.fields);
  }
  return 0; // Two nulls.
}

/** Compares by the bytes of the UTF-8 forms. */
export function compareUtf8(a: string, b: string): number {
  return compareCodeUnits(a, b, utf8Rank);
}

/** Compares resource names segment by segment, so that what is inside a document follows it directly. */
export function compareNames(a: string, b: string): number {
  return compareCodeUnits(a, b, (codeUnit) => (codeUnit === slash ? -1 : utf8Rank(codeUnit)));
}

const slash = 0x2f;

/** UTF-8 orders as UTF-16 does, but for surrogates, which stand for what is above U+FFFF and so come last. */
function utf8Rank(codeUnit: number): number {
  if (codeUnit < 0xd800) return codeUnit;
  return codeUnit < 0xe000 ? codeUnit + 0x2000 : codeUnit - 0x800;
}

function compareCodeUnits(a: string, b: string, rank: (codeUnit: number) => number): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

function compareNumbers(a: NumberValue, b: NumberValue): number {
  const x = a.valueType === "integerValue" ? BigInt(a.integerValue) : a.doubleValue;
  const y = b.valueType === "integerValue" ? BigInt(b.integerValue) : b.doubleValue;
  // JavaScript compares a BigInt and a number exactly, whatever their size.
  if (x < y) return -1;
  if (x > y) return 1;
  return Number(Number.isNaN(y)) - Number(Number.isNaN(x));
}

function compareTimestamps(a: Timestamp, b: Timestamp): number {
  return Number(a.seconds ?? "0") - Number(b.seconds ?? "0") || (a.nanos ?? 0) - (b.nanos ?? 0);
}

function compareMaps(a: Fields, b: Fields): number {
  const sorted = (fields: Fields) => Object.entries(fields).sort(([x], [y]) => compareUtf8(x, y));
  return compareLists(
    sorted(a),
    sorted(b),
    ([keyA, valueA], [keyB, valueB]) => compareUtf8(keyA, keyB) || compareValues(valueA, valueB),
  );
}

/** Vectors: the shorter first, then element by element. */
function compareVectors(a: Fields, b: Fields): number {
  const x = elementsOf(a["value"]);
  const y = elementsOf(b["value"]);
  return x.length - y.length || compareLists(x, y, compareValues);
}

function isVector(value: Value): boolean {
  if (value.valueType !== "mapValue" || !Object.hasOwn(value.mapValue.fields, "__type__")) return false;
  const type = value.mapValue.fields["__type__"];
  return type?.valueType === "stringValue" && type.stringValue === "__vector__";
}

function compareLists<T>(a: readonly T[], b: readonly T[], compare: (x: T, y: T) => number): number {
  for (const [i, x] of a.entries()) {
    const y = b[i];
    if (y === undefined) return 1;
    const order = compare(x, y);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}
