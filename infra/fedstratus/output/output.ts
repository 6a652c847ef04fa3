// Where a command's results go: one JSON document, a table or lines on stdout, and everything else on stderr.
import type { Palette } from "../../cli/view/palette.ts";
import type { Io } from "../frame/io.ts";
import { pickFields, requireKnown, valueAt } from "./fields.ts";

/** A column of a table. Its key is the place in the JSON, and what `--fields` calls it. */
export interface Column<Row> {
  readonly key: string;
  readonly title: string;
  readonly align?: "right";
  /** On a terminal that is too narrow, the columns of the highest rank go first; those of rank 0 stay. */
  readonly rank: number;
  /** The whole value. */
  readonly text: (row: Row) => string;
  /** For a terminal, where that is another text: shorter, or relative to now. */
  readonly short?: (row: Row, palette: Palette) => string;
}

export interface Table<Row> {
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  /** The document that `--json` prints. */
  readonly json: unknown;
  /** The item of the document that a row is made from. */
  readonly itemOf: (row: Row) => unknown;
  /** What is said to a person where there are no rows. */
  readonly empty: string;
}

export interface OutputOptions {
  readonly json: boolean;
  readonly fields: readonly string[] | undefined;
  readonly quiet: boolean;
  readonly color: boolean;
}

export interface Output {
  readonly isJson: boolean;
  /** Whether a person looks at stdout. */
  readonly isTerminal: boolean;
  readonly color: boolean;
  /** The result: the document, or lines for people. */
  document(json: unknown, lines: () => readonly string[] | Promise<readonly string[]>): Promise<void>;
  table<Row>(table: Table<Row>): Promise<void>;
  /** One of many documents, each a line; without `--json`, the line, if any. */
  event(json: unknown, line: string | null): void;
  /** What a person may want to know, and is no result; nothing with `--quiet` and `--json`. */
  say(text: string): void;
  /** What a person should know, with `--quiet`, too; nothing with `--json`. */
  warn(text: string): void;
}

const DEFAULT_WIDTH = 80;

export function createOutput({ stdout, stderr }: Io, options: OutputOptions): Output {
  const { json: isJson, fields, quiet, color } = options;
  const isTerminal = stdout.isTTY === true;
  const print = (text: string) => {
    stdout.write(`${text}\n`);
  };
  const printJson = (document: unknown) =>
    print(
      JSON.stringify(
        fields === undefined ? document : pickFields(document, fields),
        null,
        isTerminal ? 2 : 0,
      ),
    );
  const tell = (text: string) => {
    if (!isJson) stderr.write(`${text}\n`);
  };
  return {
    isJson,
    isTerminal,
    color,
    document: async (json, lines) => {
      if (isJson) return printJson(json);
      if (fields === undefined) {
        for (const line of await lines()) print(line);
        return;
      }
      requireKnown([json], fields);
      print(fields.map((field) => plainText(valueAt(json, field))).join("\t"));
    },
    table: async ({ columns, rows, json, itemOf, empty }) => {
      if (isJson) return printJson(json);
      if (rows.length === 0) return tell(empty);
      const shown = fields === undefined ? columns : columnsFor(fields, columns, rows.map(itemOf), itemOf);
      if (!isTerminal) {
        for (const row of rows) print(shown.map(({ text }) => onOneLine(text(row))).join("\t"));
        return;
      }
      const [{ tableLines }, { paletteOf }] = await Promise.all([
        import("../../cli/view/table.ts"),
        import("../../cli/view/palette.ts"),
      ]);
      const palette = paletteOf(color);
      const [titles = "", ...lines] = tableLines(
        shown.map(({ title, align, rank, text, short }) => ({
          title: onOneLine(title),
          align: align ?? "left",
          rank,
          cell: (row: (typeof rows)[number]) => short?.(row, palette) ?? onOneLine(text(row)),
        })),
        rows,
        stdout.columns ?? DEFAULT_WIDTH,
      );
      print(palette.faint(titles));
      for (const line of lines) print(line);
    },
    event: (json, line) => {
      if (isJson) stdout.write(`${JSON.stringify(json)}\n`);
      else if (line !== null) print(line);
    },
    say: (text) => {
      if (!quiet) tell(text);
    },
    warn: tell,
  };
}

/** Columns of a table where there are some; any other place in the document is shown as it is. */
function columnsFor<Row>(
  fields: readonly string[],
  columns: readonly Column<Row>[],
  items: readonly unknown[],
  itemOf: (row: Row) => unknown,
): readonly Column<Row>[] {
  const isColumn = (field: string) => columns.some(({ key }) => key === field);
  requireKnown(
    items,
    fields.filter((field) => !isColumn(field)),
  );
  return fields.map((field) => {
    const known = columns.find(({ key }) => key === field);
    const text = (row: Row) => plainText(valueAt(itemOf(row), field));
    return known ?? { key: field, title: field, rank: 0, text };
  });
}

/** A value for a cell: texts as they are, nothing for null, anything else as JSON. */
function plainText(value: unknown): string {
  if (value === null || value === undefined) return "";
  return onOneLine(typeof value === "string" ? value : JSON.stringify(value));
}

/** What others have written may hold tabs, line ends and control characters of terminals. */
export function onOneLine(text: string): string {
  return text.replace(/\s*[\p{Cc}\u2028\u2029]+\s*/gu, " ").trim();
}
