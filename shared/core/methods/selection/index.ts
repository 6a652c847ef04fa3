// The selection strategies by name.
import type { Random } from "../../random.ts";
import { selectionBehaviours } from "../registry/selection.ts";
import type { SelectionOptions } from "./options.ts";
import type { Selection, SelectionInput, Strategy } from "./strategy.ts";

/** What each strategy does with options, and a state, of its own. */
type Strategies = {
  readonly [Name in SelectionOptions["strategy"]]: {
    readonly select: (
      input: SelectionInput<Extract<SelectionOptions, { strategy: Name }>, never>,
      random: Random,
    ) => Selection;
  };
};

const strategies: Strategies = selectionBehaviours;

/**
 * The strategy that these options are of; it takes no others, and no state but what its own schema makes of
 * one.
 */
export function strategyOf({ strategy }: SelectionOptions): Strategy<SelectionOptions, unknown> {
  return strategies[strategy] as Strategy<SelectionOptions, unknown>;
}
