// Many calls to the queue, some at a time.

/** As many as a queue takes without pushing back. */
const PARALLEL = 20;

/** In the order of the items. The first failure ends it. */
export async function someAtATime<In, Out>(
  items: readonly In[],
  act: (item: In) => Promise<Out>,
): Promise<readonly Out[]> {
  const done: Out[] = [];
  for (let start = 0; start < items.length; start += PARALLEL) {
    done.push(...(await Promise.all(items.slice(start, start + PARALLEL).map(act))));
  }
  return done;
}
