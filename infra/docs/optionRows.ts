// The options of a JSON schema, one row each: where it stands, its default, its values and what it means.

export type JsonSchema = Readonly<Record<string, unknown>>;

export interface OptionRow {
  /** Dotted, such as `training.batchSize`. */
  readonly path: string;
  /** As JSON; null where there is none. */
  readonly fallback: string | null;
  readonly isRequired: boolean;
  /** In words, such as "1 to 1,000"; empty where the meaning says it. */
  readonly values: string;
  /** The schema's description, one line; empty where it has none. */
  readonly meaning: string;
  /** The choices with which the option exists, such as `fedlesscan`; empty where it always does. */
  readonly only: readonly string[];
}

interface Place {
  readonly path: string;
  readonly fallback: unknown;
  readonly isRequired: boolean;
  readonly only: readonly string[];
}

/** Schemas from outside, whose inside is not an option of ours. */
const OPAQUE = new Set(["model.layers"]);

/** Every option of an object's schema, in the schema's order. */
export function optionRows(root: JsonSchema): readonly OptionRow[] {
  const definitions = recordOf(root["$defs"]);
  return rowsOf(root, { path: "", fallback: undefined, isRequired: true, only: [] }, definitions);
}

function rowsOf(found: JsonSchema, place: Place, definitions: JsonSchema): readonly OptionRow[] {
  const schema = resolve(found, definitions);
  const here = { ...place, fallback: place.fallback ?? schema["default"] };
  if (OPAQUE.has(place.path)) return [rowOf(schema, "", here)];
  const listed = recordOf(schema["items"]);
  if (
    membersOf(resolve(listed, definitions), definitions).some(({ properties }) => properties !== undefined)
  ) {
    const each = { path: `${place.path}[]`, fallback: undefined, isRequired: true, only: place.only };
    return [rowOf(schema, "list", here), ...rowsOf(listed, each, definitions)];
  }
  const members = membersOf(schema, definitions);
  if (members.every((member) => typeof member["properties"] !== "object")) {
    return [rowOf(schema, valuesOf(schema), here)];
  }
  const tag = discriminatorOf(members);
  const names = [...new Set(members.flatMap((member) => Object.keys(recordOf(member["properties"]))))];
  return names.flatMap((name) => {
    const path = place.path === "" ? name : `${place.path}.${name}`;
    if (name === tag) {
      const choices = members.map((member) => propertyOf(member, name));
      const named = choices.filter((choice) => descriptionOf(choice) !== "");
      const listed = named.map((choice) => `\`${choice?.["const"]}\`: ${descriptionOf(choice)}`);
      const meaning = [descriptionOf(schema), ...listed].filter((text) => text !== "").join(" ");
      const values = choices.map((choice) => `\`${choice?.["const"]}\``).join(", ");
      const shown = choices.find((choice) => choice?.["default"] !== undefined)?.["default"];
      const fallback = recordOf(here.fallback)[name] ?? shown;
      return [rowOf({ description: meaning }, values, { ...here, path, fallback })];
    }
    return groupsOf(members, name).flatMap((group) => {
      const isEverywhere = group.length === members.length;
      const choices = group.map((member) => String(propertyOf(member, tag ?? "")?.["const"] ?? ""));
      const only = isEverywhere || tag === null ? place.only : choices;
      const [first = {}] = group;
      // The default of a union is one of its alternatives, and is not the others'.
      const chosen = tag === null ? undefined : recordOf(here.fallback)[tag];
      const applies = chosen === undefined || choices.includes(String(chosen));
      const fallback = applies ? recordOf(here.fallback)[name] : undefined;
      const required = first["required"];
      // Of alternatives without a name of their own, one is to be given: none is required.
      const isRequired =
        place.isRequired &&
        Array.isArray(required) &&
        required.includes(name) &&
        (tag !== null || members.length === 1);
      return rowsOf(propertyOf(first, name) ?? {}, { path, fallback, isRequired, only }, definitions);
    });
  });
}

function rowOf(schema: JsonSchema, values: string, { path, fallback, isRequired, only }: Place): OptionRow {
  const shown =
    fallback === undefined ? null : typeof fallback === "string" ? fallback : JSON.stringify(fallback);
  return { path, fallback: shown, isRequired, values, meaning: descriptionOf(schema), only };
}

/** The members that have the property, those with the same schema of it together. */
function groupsOf(members: readonly JsonSchema[], name: string): readonly (readonly JsonSchema[])[] {
  const groups = new Map<string, JsonSchema[]>();
  for (const member of members) {
    const property = propertyOf(member, name);
    if (property === undefined) continue;
    const key = JSON.stringify(property);
    groups.set(key, [...(groups.get(key) ?? []), member]);
  }
  return [...groups.values()];
}

/** The alternatives of a union, or the schema alone. */
function membersOf(schema: JsonSchema, definitions: JsonSchema): readonly JsonSchema[] {
  const alternatives = schema["oneOf"] ?? schema["anyOf"];
  return Array.isArray(alternatives)
    ? alternatives.map((one) => resolve(recordOf(one), definitions))
    : [schema];
}

/** The property that is another constant in each alternative. */
function discriminatorOf(members: readonly JsonSchema[]): string | null {
  const [first = {}] = members;
  const isTag = (name: string) =>
    members.every((member) => typeof propertyOf(member, name)?.["const"] === "string");
  return Object.keys(recordOf(first["properties"])).find(isTag) ?? null;
}

function propertyOf(schema: JsonSchema, name: string): JsonSchema | undefined {
  const property = recordOf(schema["properties"])[name];
  return property === undefined ? undefined : recordOf(property);
}

function resolve(schema: JsonSchema, definitions: JsonSchema): JsonSchema {
  const reference = schema["$ref"];
  if (typeof reference !== "string") return schema;
  return { ...recordOf(definitions[reference.replace("#/$defs/", "")]), ...schema };
}

function descriptionOf(schema: JsonSchema | undefined): string {
  const text = schema?.["description"];
  return typeof text === "string" ? text.replaceAll(/\s+/g, " ").replaceAll("|", "\\|") : "";
}

function valuesOf(schema: JsonSchema): string {
  const { enum: choices, const: only, type } = schema;
  if (Array.isArray(choices)) return choices.map((choice) => `\`${choice}\``).join(", ");
  if (only !== undefined) return `\`${String(only)}\``;
  if (type === "boolean") return "`true`, `false`";
  if (type === "integer" || type === "number") return rangeOf(schema);
  const { minLength, maxLength } = schema;
  if (typeof minLength === "number" && typeof maxLength === "number") {
    return `${minLength} to ${maxLength} characters`;
  }
  return "";
}

function rangeOf({ type, minimum, maximum, exclusiveMinimum, exclusiveMaximum }: JsonSchema): string {
  const isWhole = type === "integer";
  const from =
    typeof exclusiveMinimum === "number"
      ? `above ${numeral(exclusiveMinimum)}`
      : typeof minimum === "number"
        ? numeral(minimum)
        : "";
  const isBounded = typeof maximum === "number" && maximum < Number.MAX_SAFE_INTEGER && maximum < 1e30;
  const upTo =
    typeof exclusiveMaximum === "number"
      ? `below ${numeral(exclusiveMaximum)}`
      : isBounded
        ? numeral(Number(maximum))
        : "";
  if (from === "" && upTo === "") return "a number";
  if (upTo === "") return from.startsWith("above") ? from : `${isWhole ? "a whole number " : ""}from ${from}`;
  return from.startsWith("above") ? `${from}, to ${upTo}` : `${from} to ${upTo}`;
}

function numeral(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 6 });
}

function recordOf(value: unknown): JsonSchema {
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}
