// TensorBoard's event file: protocol buffers (tensorflow/core/util/event.proto) in TFRecord frames
// (https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details).
import { crc32c } from "@node-rs/crc32";

export interface Scalar {
  /** TensorBoard groups tags by what is before their first slash. */
  readonly tag: string;
  readonly value: number;
}

/** Where a file begins. */
export function fileVersionRecord(atMs: number): Uint8Array {
  return record(event(atMs, textField(3, "brain.Event:2")));
}

/** The scalars of one step. */
export function scalarsRecord(step: number, atMs: number, scalars: readonly Scalar[]): Uint8Array {
  const values = scalars.map(({ tag, value }) =>
    bytesField(1, concat([textField(1, tag), floatField(2, value)])),
  );
  return record(event(atMs, concat([integerField(2, step), bytesField(5, concat(values))])));
}

function event(atMs: number, rest: Uint8Array): Uint8Array {
  return concat([doubleField(1, atMs / 1_000), rest]);
}

/** Length, its checksum, the data, and their checksum. */
function record(data: Uint8Array): Uint8Array {
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(data.byteLength), true);
  return concat([length, maskedCrc(length), data, maskedCrc(data)]);
}

/** A checksum of data that holds checksums would be weak, so it is turned and shifted. */
function maskedCrc(data: Uint8Array): Uint8Array {
  const crc = crc32c(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  const masked = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, masked, true);
  return bytes;
}

/** How a field's value is written, by the numbers of protocol buffers. */
const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

function key(field: number, wire: number): Uint8Array {
  return varint(field * 8 + wire);
}

function integerField(field: number, value: number): Uint8Array {
  return concat([key(field, WIRE.varint), varint(value)]);
}

function bytesField(field: number, value: Uint8Array): Uint8Array {
  return concat([key(field, WIRE.bytes), varint(value.byteLength), value]);
}

function textField(field: number, value: string): Uint8Array {
  return bytesField(field, new TextEncoder().encode(value));
}

function floatField(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return concat([key(field, WIRE.fixed32), bytes]);
}

function doubleField(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return concat([key(field, WIRE.fixed64), bytes]);
}

/** Of a whole number from 0 to 2^53. */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}
