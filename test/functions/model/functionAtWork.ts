// A function that is stopped before its durable steps: it goes on to the next when the test says so, or dies
// there.
import type { Dispatch } from "../../../shared/cloud/dispatch.ts";
import type { ProtocolObjects } from "../../../shared/core/ports/objectStore.ts";
import type { Store } from "../../../shared/core/ports/store.ts";
import type { HttpResponse } from "../../../shared/http/message.ts";
import type { Point } from "../../unit/round/world/aggregator.ts";
import { overridden } from "./overridden.ts";

/** Thrown into everything that runs in an instance that has ended: none of it takes effect any more. */
export class InstanceEnded extends Error {
  override readonly name = "InstanceEnded";
}

/** Everything that a function does lastingly goes through these. */
export interface Hands {
  readonly store: Store;
  readonly objects: ProtocolObjects;
  readonly dispatch: Dispatch;
}

type Stop =
  | { readonly at: Point; readonly response: null }
  | { readonly at: null; readonly response: HttpResponse };

interface Gate {
  readonly at: Point;
  readonly open: () => void;
  readonly fail: (error: Error) => void;
}

export class FunctionAtWork {
  readonly #pauses: ReadonlySet<Point>;
  #gate: Gate | null = null;
  #ended = false;
  #stop = Promise.withResolvers<Stop>();
  readonly #marking = Promise.withResolvers<void>();
  readonly #finished: Promise<Stop>;

  /** @param handle is the call; it is given the hands that stop before each of `pauses`. */
  constructor(hands: Hands, pauses: ReadonlySet<Point>, handle: (hands: Hands) => Promise<HttpResponse>) {
    this.#pauses = pauses;
    // Nobody may wait for it.
    this.#marking.promise.catch(() => undefined);
    this.#finished = handle(this.#stopping(hands)).then((response) => ({ at: null, response }));
  }

  /** Where it stops next, or how it ends. */
  async next(): Promise<Stop> {
    return Promise.race([this.#stop.promise, this.#finished]);
  }

  async goOn(): Promise<Stop> {
    const gate = this.#left();
    if (gate.at === "mark-settled") this.#marking.resolve();
    gate.open();
    return this.next();
  }

  async die(): Promise<void> {
    this.#ended = true;
    const gate = this.#left();
    this.#marking.reject(new InstanceEnded());
    gate.fail(new InstanceEnded());
    await this.#finished;
  }

  #left(): Gate {
    const gate = this.#gate;
    if (gate === null) throw new Error("The function is not stopped.");
    this.#gate = null;
    this.#stop = Promise.withResolvers();
    return gate;
  }

  async #pass(at: Point): Promise<void> {
    if (this.#ended) throw new InstanceEnded();
    // The roster is folded beside the marks: it stops with them.
    if (at === "fold-roster") return this.#marking.promise;
    if (!this.#pauses.has(at)) return;
    await new Promise<void>((open, fail) => {
      this.#gate = { at, open, fail };
      this.#stop.resolve({ at, response: null });
    });
  }

  #stopping({ store, objects, dispatch }: Hands): Hands {
    const pass = (at: Point) => this.#pass(at);
    return {
      store: overridden<Store>(store, {
        transact: async (step, body) => {
          await pass(step);
          return store.transact(step, body);
        },
        setAll: async (step, documents) => {
          await pass(step);
          return store.setAll(step, documents);
        },
      }),
      objects: overridden<ProtocolObjects>(objects, {
        write: async (name, content, options) => {
          await pass(options.step);
          return objects.write(name, content, options);
        },
      }),
      dispatch: async (commands) => {
        if (commands.length > 0)
          await pass(commands.some(({ kind }) => kind === "sweep") ? "finish-sweep" : "enqueue");
        return dispatch(commands);
      },
    };
  }
}
