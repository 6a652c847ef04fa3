// The selection strategies by name.
import { selectionBehaviours } from "../registry/selection.ts";
import type { SelectionOptions } from "./options.ts";
import type { Select } from "./strategy.ts";

/** What each strategy does with options of its own. */
type Strategies = {
  readonly [Name in SelectionOptions["strategy"]]: Select<Extract<SelectionOptions, { strategy: Name }>>;
};

const strategies: Strategies = selectionBehaviours;

/** The strategy that these options are of; it takes no others. */
export function strategyOf({ strategy }: SelectionOptions): Select<SelectionOptions> {
  return strategies[strategy] as Select<SelectionOptions>;
}
