// Updates that no aggregator may fold, each with the code it is refused with: made from a good one, as an
// attacker would.

import { encodeUpdate } from "../../shared/core/methods/update/update.ts";
import type { UpdateProblemCode } from "../../shared/core/methods/update/validate.ts";
import type { Grant } from "../../shared/core/schemas/protocol.ts";
import { encodeSafetensors, floatTensor, type Tensor } from "../../shared/core/updates/safetensors.ts";
import type { Weights } from "../../shared/core/updates/weights.ts";

/** What a file is made from; a grant has it. */
export type Granted = Pick<Grant, "parameters" | "baseVersion">;

type File = Uint8Array<ArrayBuffer>;

/** A delta of the granted model whose every value is `value`. */
function deltaOf({ parameters }: Granted, value: number): Weights {
  return parameters.map(({ name, shape }) => ({
    name,
    shape,
    values: new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(value),
  }));
}

function good(granted: Granted, value = 1): File {
  return encodeUpdate(deltaOf(granted, value), { encoding: "f32", baseVersion: granted.baseVersion });
}

/** A file of these tensors with a good update's metadata, or other metadata. */
function withTensors(
  { baseVersion }: Granted,
  tensors: readonly Tensor[],
  metadata: Record<string, string> = {},
): File {
  return encodeSafetensors(tensors, { encoding: "f32", baseVersion: String(baseVersion), ...metadata });
}

function tensorsOf(granted: Granted): Tensor[] {
  return deltaOf(granted, 1).map(({ name, shape, values }) => floatTensor(name, shape, values));
}

/** A good file with the first tensor changed. */
function withFirst(granted: Granted, change: (first: Tensor) => Tensor): File {
  const [first, ...rest] = tensorsOf(granted);
  if (first === undefined) throw new Error("The model has no parameters.");
  return withTensors(granted, [change(first), ...rest]);
}

function withValue(granted: Granted, value: number): File {
  return withFirst(granted, (first) => {
    const values = new Float32Array(first.data.byteLength / 4).fill(1);
    values[values.length - 1] = value;
    return floatTensor(first.name, first.shape, values);
  });
}

/** A file with this header, which need not be one, and the data of a good file. */
export function fileWithHeader(header: string, dataBytes: number, declaredBytes?: bigint): File {
  const text = new TextEncoder().encode(header);
  const file = new Uint8Array(8 + text.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, declaredBytes ?? BigInt(text.length), true);
  file.set(text, 8);
  return file;
}

/** A good file whose header is changed as text. */
function lying(granted: Granted, lie: (header: string) => string, declaredBytes?: bigint): File {
  const file = good(granted);
  const headerBytes = Number(new DataView(file.buffer).getBigUint64(0, true));
  const header = new TextDecoder().decode(file.subarray(8, 8 + headerBytes)).trimEnd();
  const changed = lie(header);
  if (changed === header && declaredBytes === undefined) throw new Error("The lie changes nothing.");
  const lied = fileWithHeader(changed, file.length - 8 - headerBytes, declaredBytes);
  lied.set(file.subarray(8 + headerBytes), 8 + new TextEncoder().encode(changed).length);
  return lied;
}

interface HostileFile {
  readonly code: UpdateProblemCode;
  make(granted: Granted): File;
}

/** By what is wrong with it. The model needs at least two parameters. */
export const hostileFiles = {
  "another shape": {
    code: "wrong-shape",
    make: (granted) => withFirst(granted, (first) => ({ ...first, shape: [...first.shape, 1] })),
  },
  "another dtype": {
    code: "wrong-dtype",
    make: (granted) => withFirst(granted, (first) => ({ ...first, dtype: "I32" })),
  },
  "wider values": {
    code: "wrong-dtype",
    make: (granted) =>
      withFirst(granted, ({ name, shape, data }) => ({
        name,
        shape,
        dtype: "F64",
        data: new Uint8Array(2 * data.byteLength),
      })),
  },
  "another name": {
    code: "missing-tensor",
    make: (granted) => withFirst(granted, (first) => ({ ...first, name: "__proto__" })),
  },
  "a missing tensor": {
    code: "missing-tensor",
    make: (granted) => withTensors(granted, tensorsOf(granted).slice(1)),
  },
  "no tensor at all": { code: "missing-tensor", make: (granted) => withTensors(granted, []) },
  "a tensor too many": {
    code: "unexpected-tensor",
    make: (granted) =>
      withTensors(granted, [...tensorsOf(granted), floatTensor("extra", [1], Float32Array.of(1))]),
  },
  "names that would break text when cut": {
    code: "missing-tensor",
    make: (granted) =>
      withTensors(
        granted,
        Array.from({ length: 30 }, (_, i) =>
          floatTensor(`${"\u{1f600}".repeat(37 + i)}${i}`, [1], Float32Array.of(1)),
        ),
      ),
  },
  NaN: { code: "not-finite", make: (granted) => withValue(granted, Number.NaN) },
  Infinity: { code: "not-finite", make: (granted) => withValue(granted, Number.POSITIVE_INFINITY) },
  "-Infinity": { code: "not-finite", make: (granted) => withValue(granted, Number.NEGATIVE_INFINITY) },
  "an absurd norm": { code: "norm-too-large", make: (granted) => good(granted, 1e20) },
  "one absurd value": { code: "norm-too-large", make: (granted) => withValue(granted, 3.4e38) },
  "an older base version": {
    code: "wrong-base-version",
    make: (granted) => good({ ...granted, baseVersion: granted.baseVersion + 1 }),
  },
  "no base version": {
    code: "wrong-base-version",
    make: (granted) => withTensors(granted, tensorsOf(granted), { baseVersion: "" }),
  },
  "another encoding": {
    code: "wrong-encoding",
    make: (granted) => withTensors(granted, tensorsOf(granted), { encoding: "int8" }),
  },
  "no safetensors": {
    code: "unreadable",
    make: () => new TextEncoder().encode("<html>not found</html>"),
  },
  "nothing but zeros": { code: "unreadable", make: (granted) => new Uint8Array(good(granted).length) },
  "one byte": { code: "unreadable", make: () => Uint8Array.of(123) },
  "cut short": { code: "unreadable", make: (granted) => good(granted).slice(0, -1) },
  "cut within its header": { code: "unreadable", make: (granted) => good(granted).slice(0, 40) },
  "bytes after its end": {
    code: "unreadable",
    make: (granted) => {
      const file = good(granted);
      const longer = new Uint8Array(file.length + 1);
      longer.set(file);
      return longer;
    },
  },
  "a header of 100 MB": {
    code: "unreadable",
    make: (granted) => lying(granted, (header) => header, 100_000_000n),
  },
  "a header beyond all numbers": {
    code: "unreadable",
    make: (granted) => lying(granted, (header) => header, 2n ** 64n - 1n),
  },
  "overlapping tensors": {
    code: "unreadable",
    make: (granted) =>
      lying(granted, (header) => header.replace(/"data_offsets":\[(\d+),(\d+)\]/g, '"data_offsets":[0,$2]')),
  },
  "offsets beyond the file": {
    code: "unreadable",
    make: (granted) =>
      lying(granted, (header) => header.replace(/,(\d+)\]\}/g, (_, end) => `,${Number(end) + 2 ** 40}]}`)),
  },
  "offsets beyond all numbers": {
    code: "unreadable",
    make: (granted) => lying(granted, (header) => header.replace(/,\d+\]\}/, ",99999999999999999999]}")),
  },
  "a shape of 2^60 values": {
    code: "unreadable",
    make: (granted) =>
      lying(granted, (header) => header.replace(/"shape":\[[\d,]*\]/, '"shape":[1073741824,1073741824]')),
  },
  "duplicate keys": {
    code: "unreadable",
    make: (granted) =>
      lying(granted, (header) => header.replace('{"dtype":"F32"', '{"dtype":"F32","dtype":"F32"')),
  },
  "an unknown dtype": {
    code: "unreadable",
    make: (granted) => lying(granted, (header) => header.replace('"F32"', '"F8"')),
  },
  "an inherited dtype": {
    code: "unreadable",
    make: (granted) => lying(granted, (header) => header.replace('"F32"', '"valueOf"')),
  },
  "half a surrogate pair": {
    code: "unreadable",
    make: (granted) => lying(granted, (header) => header.replace('"baseVersion"', '"\\ud800"')),
  },
} satisfies Record<string, HostileFile>;
