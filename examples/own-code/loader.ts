// A loader of a format that the client has no reader for: records of fixed length, of which one of FLAG is a
// bad one. Copy it, and replace what it reads.
import type { About, Draws, LoadedStream, Loader, LoaderInput, Samples } from "fedstratus/client";

export const about: About = { name: "ecg-records", version: "1.0.0" };

/** One record: 8 readings of 16 bits (little-endian), then the class as one byte. */
const READINGS = 8;
const RECORD_BYTES = 2 * READINGS + 1;
const FLAG = 255;
/** Records that are read at a time. */
const BLOCK = 4_096;

interface Block {
  readonly address: string;
  readonly begin: number;
  /** Good records in it. */
  readonly count: number;
}

const load: Loader = async (input): Promise<LoadedStream> => {
  const blocks: Block[] = [];
  let [row, bad, firstBad] = [0, 0, 0];
  for (const { name, address, sizeBytes } of await input.list()) {
    if (!name.endsWith(".ecg")) continue;
    for (let begin = 0; begin < sizeBytes; begin += BLOCK * RECORD_BYTES) {
      const records = await readBlock(input, address, begin, sizeBytes);
      let count = 0;
      for (const { label } of records) {
        if (label !== FLAG) count++;
        else if (bad++ === 0) firstBad = row;
        row++;
      }
      blocks.push({ address, begin, count });
    }
  }
  const samples = blocks.reduce((sum, { count }) => sum + count, 0);
  input.log.metric("recordsPerBlock", row / blocks.length);
  return {
    samples,
    inputShape: [READINGS],
    targetShape: [],
    refused: bad === 0 ? [] : [{ reason: "not-a-class", rows: bad, firstRow: firstBad }],
    batches: (size, random) => batches(input, blocks, size, random),
  };
};

export default load;

interface Ecg {
  readonly readings: readonly number[];
  readonly label: number;
}

async function readBlock(
  { open }: LoaderInput,
  address: string,
  begin: number,
  sizeBytes?: number,
): Promise<readonly Ecg[]> {
  const end = begin + BLOCK * RECORD_BYTES;
  const file = await open(address, { begin, end: sizeBytes === undefined ? end : Math.min(end, sizeBytes) });
  const bytes = await file.bytes();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.byteLength / RECORD_BYTES) }, (_, i) => ({
    readings: Array.from(
      { length: READINGS },
      (_, j) => view.getInt16(i * RECORD_BYTES + 2 * j, true) / 32_768,
    ),
    label: view.getUint8(i * RECORD_BYTES + 2 * READINGS),
  }));
}

async function* batches(
  input: LoaderInput,
  blocks: readonly Block[],
  size: number,
  random: Draws,
): AsyncGenerator<Samples> {
  let waiting: Ecg[] = [];
  for (const place of random.order(blocks.length)) {
    const block = blocks[place];
    if (block === undefined) continue;
    const good = (await readBlock(input, block.address, block.begin)).filter(({ label }) => label !== FLAG);
    for (const i of random.order(good.length)) {
      const record = good[i];
      if (record !== undefined) waiting.push(record);
      if (waiting.length < size) continue;
      yield samplesOf(waiting);
      waiting = [];
    }
  }
  if (waiting.length > 0) yield samplesOf(waiting);
}

function samplesOf(records: readonly Ecg[]): Samples {
  return {
    x: { shape: [records.length, READINGS], values: records.flatMap(({ readings }) => readings) },
    y: { shape: [records.length], values: records.map(({ label }) => label) },
  };
}
