// Asks for the next item while the one before is worked on.

/** The same items. One more is under way than has been taken; where nobody takes it, it is waited for. */
export async function* readAhead<T>(items: AsyncGenerator<T>): AsyncGenerator<T> {
  let next = items.next();
  // Its failure is thrown where it is taken.
  next.catch(() => undefined);
  try {
    for (;;) {
      const { done, value } = await next;
      if (done === true) return;
      next = items.next();
      next.catch(() => undefined);
      yield value;
    }
  } finally {
    await next.catch(() => undefined);
    await items.return(undefined);
  }
}
