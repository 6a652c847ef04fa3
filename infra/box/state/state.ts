// What the local cloud keeps beyond its process: tables of values by key, behind one small port. Without a
// folder it keeps nothing.

/** One kind of thing, by key. A value is anything that a structured clone can copy. */
export interface StateTable<Value> {
  /** Those whose keys begin with the prefix (default: all), in the order of their keys' bytes. */
  entries(prefix?: string): Iterable<readonly [key: string, value: Value]>;
  put(key: string, value: Value): void;
  delete(key: string): void;
}

export interface State {
  /** Where large contents lie, each in a file; undefined when nothing is kept. */
  readonly contentsDir: string | undefined;
  /**
   * A table; it exists once something is put into it. The code that names it states the type of its values.
   */
  table<Value>(name: string): StateTable<Value>;
  /**
   * Makes the changes of the body all at once: after a crash there are all of them or none. A change outside
   * of any is one by itself. Changes are at rest on disk when this returns, so that whatever was answered is
   * known after a crash.
   */
  atomically(body: () => void): void;
  /** Lets go of the folder. Idempotent. */
  close(): void;
}

/** Keeps nothing. */
export const noState: State = {
  contentsDir: undefined,
  table: () => ({ entries: () => [], put: () => {}, delete: () => {} }),
  atomically: (body) => body(),
  close: () => {},
};
