// Rows as CSV and as JSON Lines: read back as they were, and no formula in a spreadsheet.
import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Cell, ColumnShape } from "../../../../infra/cli/export/tables/columns.ts";
import { INVOCATION_COLUMNS, ROUND_COLUMNS } from "../../../../infra/cli/export/tables/columns.ts";
import { csvHeader, csvRow } from "../../../../infra/cli/export/tables/csv.ts";
import { jsonLine } from "../../../../infra/cli/export/tables/jsonLines.ts";
import { buildInvocation, buildReported, buildRound } from "../../../support/builders.ts";

const text: readonly ColumnShape[] = [{ name: "a", type: "text" }];
const shown = (value: string) => csvRow(text, [value]);

describe("a cell of CSV", () => {
  it.each([
    ["=1+1", "'=1+1\r\n"],
    ['=HYPERLINK("http://x")', `"'=HYPERLINK(""http://x"")"\r\n`],
    ["+1", "'+1\r\n"],
    ["-1", "'-1\r\n"],
    ["@SUM(1)", "'@SUM(1)\r\n"],
    [" =1", "' =1\r\n"],
    ["\t=1", "'\t=1\r\n"],
    ["\r=1", '"\'\r=1"\r\n'],
    ["a=1", "a=1\r\n"],
    ["", "\r\n"],
    ['a "b", c', '"a ""b"", c"\r\n'],
    ["two\nlines", '"two\nlines"\r\n'],
  ])("%j is %j", (value, wanted) => {
    expect(shown(value)).toBe(wanted);
  });

  it("is a number where it is one, also below zero", () => {
    const columns: readonly ColumnShape[] = [
      { name: "n", type: "number" },
      { name: "f", type: "flag" },
      { name: "t", type: "instant" },
      { name: "x", type: "number" },
    ];
    expect(csvRow(columns, [-1.5e-7, false, 0, null])).toBe("-1.5e-7,false,1970-01-01T00:00:00.000Z,\r\n");
  });

  it("is read back as it was, or with an apostrophe in front", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" }), { minLength: 1, maxLength: 4 }), (cells) => {
        const columns = cells.map((_, i): ColumnShape => ({ name: `c${i}`, type: "text" }));
        const file = csvHeader(columns) + csvRow(columns, cells);
        const [header, row] = parse(file, { relax_column_count: false }) as string[][];
        expect(header).toEqual(columns.map(({ name }) => name));
        expect(row?.map((cell, i) => (cell === cells[i] ? cell : cell.slice(1)))).toEqual(cells);
        for (const cell of row ?? []) expect(cell).not.toMatch(/^[=+\-@\t\r]/);
      }),
    );
  });
});

it("a line of JSON has every column in order, whatever its name", () => {
  const columns = ["2", "1", "__proto__", "b"].map((name): ColumnShape => ({ name, type: "text" }));
  expect(jsonLine(columns, ["x", null, "=1", 'a"\n'])).toBe(
    '{"2":"x","1":null,"__proto__":"=1","b":"a\\"\\n"}\n',
  );
});

describe("the columns", () => {
  const isOf: Readonly<Record<ColumnShape["type"], (cell: Cell) => boolean>> = {
    text: (cell) => typeof cell === "string",
    whole: (cell) => Number.isInteger(cell),
    number: (cell) => typeof cell === "number",
    flag: (cell) => typeof cell === "boolean",
    instant: (cell) => Number.isInteger(cell),
  };

  it("of rounds and invocations have names of their own, and values of their types", () => {
    for (const [columns, rows] of [
      [ROUND_COLUMNS, [buildRound()]],
      [INVOCATION_COLUMNS, [buildInvocation(), buildReported()]],
    ] as const) {
      expect(new Set(columns.map(({ name }) => name)).size).toBe(columns.length);
      for (const { name, type, value } of columns as readonly {
        name: string;
        type: ColumnShape["type"];
        value: (row: never) => Cell;
      }[]) {
        for (const row of rows) {
          const cell = value(row as never);
          expect(cell === null || isOf[type](cell), name).toBe(true);
        }
      }
    }
  });
});
