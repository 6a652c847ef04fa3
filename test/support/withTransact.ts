// A store whose transactions go through the test's hands; all else is the store's own.
import type { Store } from "../../shared/core/ports/store.ts";

export function withTransact(store: Store, transact: Store["transact"]): Store {
  return new Proxy(store, {
    get: (target, name) => {
      if (name === "transact") return transact;
      const own: unknown = Reflect.get(target, name, target);
      return typeof own === "function" ? own.bind(target) : own;
    },
  });
}
