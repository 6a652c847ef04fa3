// Field transforms: what a write makes of a field's own value, such as an increment or the time of the
// commit.
import { FlError } from "../../../shared/core/errors.ts";
import { parseFieldPath, valueAt, withValueAt } from "./fieldPaths.ts";
import { checkValue } from "./limits.ts";
import type { Fields, FieldTransform, NumberValue, Value } from "./messages.ts";
import { isReserved } from "./names.ts";
import { type Micros, toTimestamp } from "./timestamps.ts";
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
  truncateTime,
} from "./values.ts";

const maxTransforms = 500;
const int64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };

/** @throws FlError("invalid-argument") naming the first transform that the database refuses */
export function checkTransforms(transforms: readonly FieldTransform[]): void {
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

/** Applies the transforms one after another; the results are what the client is told of each. */
export function transform(
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

/**
 * The larger (sign 1) or the smaller (sign -1) of two numbers; of equal ones the stored one, and NaN if one
 * is NaN.
 */
function furthest(current: Value | undefined, operand: NumberValue, sign: 1 | -1): Value {
  if (current === undefined || !isNumber(current)) return operand;
  if (isNaNValue(current) || isNaNValue(operand)) return double(Number.NaN);
  return compareValues(current, operand) * sign >= 0 ? current : operand;
}

function withElement(elements: readonly Value[], element: Value): readonly Value[] {
  return elements.some((each) => equalValues(each, element)) ? elements : [...elements, element];
}
