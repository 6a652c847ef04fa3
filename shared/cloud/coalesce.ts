// Many callers, few calls: callers that ask while the same question is being answered share the next answer.

/**
 * One call per key at a time. A caller never gets an answer that was begun before it asked; those who ask
 * while a call is under way share the one after it. Of n callers at once, two calls are made.
 */
export function coalesce<T>(): (key: string, call: () => Promise<T>) => Promise<T> {
  const running = new Map<string, Promise<unknown>>();
  const next = new Map<string, Promise<T>>();
  const start = (key: string, call: () => Promise<T>): Promise<T> => {
    const made = call();
    const settled = made.then(
      () => undefined,
      () => undefined, // Each caller gets the failure from `made`.
    );
    running.set(key, settled);
    void settled.then(() => {
      if (running.get(key) === settled) running.delete(key);
    });
    return made;
  };
  return (key, call) => {
    const joined = next.get(key);
    if (joined !== undefined) return joined;
    const current = running.get(key);
    if (current === undefined) return start(key, call);
    const made = current.then(() => {
      next.delete(key);
      return start(key, call);
    });
    next.set(key, made);
    return made;
  };
}
