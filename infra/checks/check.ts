// What every check is: a name, and the problems it finds.
export interface Check {
  readonly name: string;
  /** One line a problem, beginning with its place where it has one; none when all is well. */
  readonly run: () => Promise<readonly string[]>;
}

/** A file of the repository, read. */
export interface SourceFile {
  /** Relative to the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}
