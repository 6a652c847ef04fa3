// NumPy's container of one array: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html.
import { FlError } from "../../../../shared/core/errors.ts";

const MAGIC = "\u0093NUMPY";
/** Of format 1.0: what follows the header begins at a multiple of it. */
const ALIGNMENT = 64;
const MAX_HEADER_BYTES = 0xffff;

/** A file of little-endian 32-bit floats, row-major. Inverse of `numpy.load`. */
export function npyFile(shape: readonly number[], values: Float32Array): Uint8Array<ArrayBuffer> {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${sizes}), }`;
  const prefix = MAGIC.length + 4;
  const headerBytes = Math.ceil((prefix + text.length + 1) / ALIGNMENT) * ALIGNMENT - prefix;
  if (headerBytes > MAX_HEADER_BYTES) {
    throw new FlError("invalid-argument", `NumPy's format holds no array of ${shape.length} dimensions.`);
  }
  const file = new Uint8Array(prefix + headerBytes + values.byteLength);
  file.set(Uint8Array.from(MAGIC, (letter) => letter.charCodeAt(0)));
  file.set([1, 0, headerBytes & 0xff, headerBytes >> 8], MAGIC.length);
  file.set(new TextEncoder().encode(`${text.padEnd(headerBytes - 1)}\n`), prefix);
  file.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), prefix + headerBytes);
  return file;
}
