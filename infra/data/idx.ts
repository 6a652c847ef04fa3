// The IDX format of the MNIST family: big-endian magic number, sizes, then the values; here of bytes only.
import { FlError } from "../../shared/core/errors.ts";
import { elementCount } from "../../shared/core/updates/safetensors.ts";

export interface IdxArray {
  readonly shape: readonly number[];
  /** Row-major; a view on the file's bytes. */
  readonly values: Uint8Array;
}

const unsignedByte = 0x08;
const sizeBytes = 4;

/**
 * Throws `invalid-argument` for another format or type, `data-loss` for a file that is truncated or too long.
 */
export function parseIdx(file: Uint8Array): IdxArray {
  const [zero, otherZero, type, dimensions = 0] = file;
  if (zero !== 0 || otherZero !== 0 || type !== unsignedByte || dimensions === 0) {
    throw new FlError("invalid-argument", "Not an IDX file of bytes: its magic number is another.");
  }
  const start = sizeBytes * (1 + dimensions);
  if (file.length < start)
    throw new FlError("data-loss", `IDX file truncated within its header of ${start} bytes.`);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const shape = Array.from({ length: dimensions }, (_, i) => view.getUint32(sizeBytes * (1 + i)));
  const expectedBytes = start + elementCount(shape);
  if (file.length !== expectedBytes) {
    throw new FlError(
      "data-loss",
      `IDX file of ${file.length} bytes; its sizes [${shape}] take ${expectedBytes}.`,
    );
  }
  return { shape, values: file.subarray(start) };
}
