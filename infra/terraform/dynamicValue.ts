// Values on Terraform's wire: MessagePack, in which an extension stands for what is not known before it is
// applied.
import { decode, ExtensionCodec, encode } from "@msgpack/msgpack";
import type { Attribute, Block, CtyType } from "./schema.ts";

export interface DynamicValue {
  readonly msgpack?: Uint8Array;
  readonly json?: Uint8Array;
}

/** Stands for a value that is known after apply. */
class Unknown {}
export const UNKNOWN = new Unknown();

const SIMPLE_UNKNOWN = 0;
const REFINED_UNKNOWN = 12;
const extensionCodec = new ExtensionCodec();
extensionCodec.register({
  type: SIMPLE_UNKNOWN,
  encode: (value) => (value instanceof Unknown ? new Uint8Array([0]) : null),
  decode: () => UNKNOWN,
});
extensionCodec.register({ type: REFINED_UNKNOWN, encode: () => null, decode: () => UNKNOWN });

export function decodeValue(value: DynamicValue | null): unknown {
  if (value?.msgpack !== undefined && value.msgpack.length > 0)
    return decode(value.msgpack, { extensionCodec });
  if (value?.json !== undefined && value.json.length > 0)
    return JSON.parse(Buffer.from(value.json).toString());
  return null;
}

export function encodeValue(value: unknown): DynamicValue {
  return { msgpack: encode(value, { extensionCodec }) };
}

/** A copy of a resource's value in which every attribute, nested ones too, went through `change`. */
export function mapAttributes(
  block: Block,
  value: unknown,
  change: (attribute: Attribute, value: unknown, name: string) => unknown,
): unknown {
  if (!isRecord(value)) return value;
  const changed: Record<string, unknown> = { ...value };
  for (const [name, attribute] of Object.entries(block.attributes)) {
    changed[name] = change(attribute, value[name] ?? null, name);
  }
  for (const [name, { block: nested }] of Object.entries(block.blocks)) {
    const inner = value[name];
    changed[name] = Array.isArray(inner)
      ? inner.map((one) => mapAttributes(nested, one, change))
      : mapAttributes(nested, inner ?? null, change);
  }
  return changed;
}

/** Something of the type, for what the real provider would compute. */
export function madeUp(type: CtyType, text: string): unknown {
  if (type === "string") return text;
  if (type === "number") return 0;
  if (type === "bool") return false;
  if (typeof type === "string") return null;
  return type[0] === "map" ? {} : [];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Unknown);
}
