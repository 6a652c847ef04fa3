// The owner's own code in this function: none, unless `npm run bundle` was given some and has put a module
// like this one, which loads it, in the place of this one.
import type { ClientCode, CodeAbout } from "../../core/schemas/ownCode.ts";
import type { Layers, Loader, Trainer } from "./client.ts";

export interface OwnPart<T> {
  readonly about: CodeAbout;
  /** Loads the module the first time. */
  readonly load: () => Promise<{ readonly default: T }>;
}

export interface OwnCode {
  readonly loader?: OwnPart<Loader>;
  readonly trainer?: OwnPart<Trainer>;
  readonly layers?: OwnPart<Layers>;
}

export const ownCode: OwnCode = {};

/** What runs and operators learn of it. */
export function aboutsOf({ loader, trainer, layers }: OwnCode): ClientCode {
  return {
    ...(loader === undefined ? {} : { loader: loader.about }),
    ...(trainer === undefined ? {} : { trainer: trainer.about }),
    ...(layers === undefined ? {} : { layers: layers.about }),
  };
}
