// A bucket with one table of any size, whose bytes are made when they are asked for; and the metadata server
// that the token for it comes from.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** Bytes of a row with its newline. */
export const ROW_BYTES = 128;
const COLUMNS = 16;
/** Different rows, which repeat. */
const ROWS = 1_024;
const HEADER = `${Array.from({ length: COLUMNS }, (_, i) => `c${i}`).join(",")},label\n`;

export interface TableServer {
  readonly address: string;
  /** Bytes of the table that were sent. */
  readonly sentBytes: () => number;
  readonly close: () => Promise<void>;
}

/** Rows of 16 numbers and a label that follows from them, all as long as each other. */
function blockOfRows(): Buffer {
  const rows = Array.from({ length: ROWS }, (_, row) => {
    const values = Array.from({ length: COLUMNS }, (_column, i) =>
      (((row * 31 + i * 7) % 97) / 97).toFixed(4),
    );
    const line = `${values.join(",")},${row % 2}`;
    // Blanks before a number are no part of it.
    return `${line.slice(0, -1)}${" ".repeat(ROW_BYTES - 1 - line.length)}${line.slice(-1)}\n`;
  });
  return Buffer.from(rows.join(""));
}

export async function serveTable(rows: number): Promise<TableServer> {
  const [header, block] = [Buffer.from(HEADER), blockOfRows()];
  const sizeBytes = header.byteLength + rows * ROW_BYTES;
  let sent = 0;
  const partAt = (at: number, end: number): Buffer => {
    if (at < header.byteLength) return header.subarray(at, end);
    const within = (at - header.byteLength) % block.byteLength;
    return block.subarray(within, within + end - at);
  };
  const parts = function* (begin: number, end: number) {
    for (let at = begin; at < end; ) {
      const part = partAt(at, end);
      at += part.byteLength;
      sent += part.byteLength;
      yield part;
    }
  };
  const server: Server = createServer((request, response) => {
    if (request.url?.startsWith("/computeMetadata/") === true) {
      response.end(JSON.stringify({ access_token: "token", expires_in: 3_600 }));
      return;
    }
    if (request.url?.includes("features.json") === true) {
      const features = JSON.stringify({ kind: "table", inputs: ["c*"], target: "label" });
      response.writeHead(200, { "x-goog-generation": "1", "content-length": features.length });
      response.end(features);
      return;
    }
    if (request.url?.includes("fields=") === true) {
      response.end(JSON.stringify({ name: "clinic-07.csv", size: String(sizeBytes), generation: "1" }));
      return;
    }
    const [, from = "0", to = String(sizeBytes - 1)] =
      /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
    const [begin, end] = [Number(from), Number(to) + 1];
    response.writeHead(request.headers.range === undefined ? 200 : 206, {
      "content-length": end - begin,
      "x-goog-generation": "1",
    });
    // Nobody has to read to the end.
    pipeline(Readable.from(parts(begin, end)), response).catch(() => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    sentBytes: () => sent,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
