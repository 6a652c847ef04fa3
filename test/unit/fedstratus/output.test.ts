// What is printed at a terminal holds no control character of what others have written, in titles either.
import { expect, test } from "vitest";
import type { Io } from "../../../infra/fedstratus/frame/io.ts";
import { factLines } from "../../../infra/fedstratus/output/factLines.ts";
import { createOutput } from "../../../infra/fedstratus/output/output.ts";

const HOSTILE = "\u001b[2Ja\r\nb\u009b31m";
const CONTROLS = /[\p{Cc}\u2028\u2029]/u;

test("a table has its titles and cells on one line each", async () => {
  let printed = "";
  const stdout = { isTTY: true, columns: 100, write: (text: string) => (printed += text) };
  const io = { stdout, stderr: stdout } as unknown as Io;
  const out = createOutput(io, { json: false, fields: undefined, quiet: false, color: false });
  await out.table({
    columns: [{ key: "a", title: HOSTILE, rank: 0, text: () => HOSTILE }],
    rows: [1],
    itemOf: () => ({}),
    json: {},
    empty: "",
  });
  const lines = printed.split("\n");
  expect(lines).toHaveLength(3);
  for (const line of lines) expect(line).not.toMatch(CONTROLS);
});

test("facts have their labels and values on one line each", () => {
  const lines = factLines([[HOSTILE, HOSTILE]]);
  expect(lines).toHaveLength(1);
  expect(lines[0]).not.toMatch(CONTROLS);
});
