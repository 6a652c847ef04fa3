// The port to the log: a message in words, and fields beside it. `error` fields are written with their stack.

export interface Logger {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** The same log with fields that every line carries. */
  with(fields: Readonly<Record<string, unknown>>): Logger;
}
