// Hostile documents, derived from the JSON schema of what a call takes and one document that it accepts: at
// every place of it what the schema's bounds invite, and what breaks parsers, paths and databases.

type Json = Record<string, unknown>;

export interface HostileDocument {
  /** What was done where, such as `training.batchSize = -1`. */
  readonly what: string;
  readonly document: unknown;
}

const ANYWHERE: readonly unknown[] = [
  null,
  0,
  -1,
  0.5,
  2 ** 53,
  1.7e308,
  "",
  "../../etc/passwd",
  "\u0000",
  "\ud800",
  "\u202e\u{1f600}\u0301",
  "__proto__",
  "x".repeat(3_000),
  [],
  {},
];

/** Own properties whose names mean something to careless code. */
const NAMES = ["unknown", "constructor", "toString", "\u{1f600}"];

/** Every variation of `document` that `schema` (with its `$defs`) suggests, each in one place. */
export function hostileDocuments(schema: Json, document: unknown): readonly HostileDocument[] {
  const defs = objectOf(schema["$defs"]);
  const found: HostileDocument[] = [];

  const visit = (at: Json, value: unknown, path: readonly (string | number)[]): void => {
    const members = alternatives(at, defs);
    const put = (changed: unknown) =>
      found.push({
        what: `${path.join(".") || "(all)"} = ${show(changed)}`,
        document: replaced(document, path, changed),
      });
    for (const changed of [...ANYWHERE, ...members.flatMap(suggested)]) put(changed);
    if (Array.isArray(value)) {
      put([...value, ...value]);
      for (const [index, item] of value.entries()) {
        for (const member of members) visit(objectOf(member["items"]), item, [...path, index]);
      }
    } else if (typeof value === "object" && value !== null) {
      for (const name of NAMES) put({ ...value, [name]: 1 });
      put(JSON.parse(`{"__proto__":{"polluted":true},${JSON.stringify(value).slice(1)}`));
      for (const [name, item] of Object.entries(value)) {
        put(Object.fromEntries(Object.entries(value).filter(([key]) => key !== name)));
        const known = members.map((member) => objectOf(member["properties"])[name]).find(Boolean);
        visit(objectOf(known), item, [...path, name]);
      }
    }
  };

  visit(schema, document, []);
  return [...new Map(found.map((one) => [one.what, one])).values()];
}

/** The schema itself, or all that it may be instead. */
function alternatives(schema: Json, defs: Json): readonly Json[] {
  const { $ref: ref } = schema;
  if (typeof ref === "string") return alternatives(objectOf(defs[ref.replace("#/$defs/", "")]), defs);
  const nested = [schema["anyOf"], schema["oneOf"], schema["allOf"]].flatMap((list) =>
    Array.isArray(list) ? list.flatMap((member) => alternatives(objectOf(member), defs)) : [],
  );
  return [schema, ...nested];
}

/** The values on both sides of every bound. */
function suggested(schema: Json): unknown[] {
  const values: unknown[] = [];
  for (const key of ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]) {
    const bound = schema[key];
    if (typeof bound === "number") values.push(bound, bound - 1, bound + 1);
  }
  for (const key of ["minLength", "maxLength"]) {
    const bound = schema[key];
    if (typeof bound !== "number") continue;
    for (const length of [bound - 1, bound, bound + 1]) if (length >= 0) values.push("x".repeat(length));
  }
  if (Array.isArray(schema["enum"])) values.push(...schema["enum"]);
  if (schema["const"] !== undefined) values.push(schema["const"], String(schema["const"]).toUpperCase());
  if (typeof schema["pattern"] === "string")
    values.push("a".repeat(63), "a".repeat(64), "-a", "a-", "A", "a\n");
  if (schema["format"] === "date-time") {
    values.push("0000-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "2026-02-30T00:00:00Z", "now");
  }
  if (schema["format"] === "email") values.push("a@b", "a@b.c@d.e", `${"a".repeat(300)}@b.org`, "ä@ö.org");
  if (schema["format"] === "uri") {
    values.push("javascript:alert(1)", "http://", "//a", "file:///etc/passwd", "http://[::1", "http://a b");
  }
  return values;
}

function replaced(document: unknown, path: readonly (string | number)[], value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (Array.isArray(document)) {
    return document.map((item, index) => (index === key ? replaced(item, rest, value) : item));
  }
  const object = objectOf(document);
  return { ...object, [key]: replaced(object[key], rest, value) };
}

function objectOf(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "undefined";
  return text.length > 60 ? `${text.slice(0, 60)}... (${text.length})` : text;
}
