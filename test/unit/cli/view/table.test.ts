// Tables on a terminal: what fits is whole, and only what does not fit is cut.
import { expect, test } from "vitest";
import { type Column, tableLines } from "../../../../infra/cli/view/table.ts";

type Row = readonly [string, string];
const columns: readonly Column<Row>[] = [
  { title: "check", align: "left", rank: 0, cell: ([check]) => `\u001b[32m${check}\u001b[39m` },
  { title: "", align: "left", rank: 0, cell: ([, detail]) => detail },
];

test("lines that fit keep their colours and have no mark, however long another one is", () => {
  const lines = tableLines(
    columns,
    [
      ["a", "short"],
      ["b", "x".repeat(50)],
    ] as const,
    20,
  );
  expect(lines[0]?.trimEnd()).toBe("check");
  expect(lines[1]).toBe("\u001b[32ma\u001b[39m     short");
  expect(lines[2]).toBe(`b     ${"x".repeat(13)}…`);
});

test("columns of the highest rank go where a table is too wide, those of rank 0 stay", () => {
  const more: readonly Column<Row>[] = [
    ...columns,
    { title: "more", align: "left", rank: 2, cell: () => "m" },
  ];
  expect(tableLines(more, [["a", "b"]] as const, 40)[0]).toMatch(/more$/);
  expect(tableLines(more, [["a", "b"]] as const, 8)[0]).not.toContain("more");
});
