// Every selection strategy by name. A new one is a file, a row here and a member of SelectionOptions.
import type { SelectionOptions } from "./options.ts";
import { selectRandom } from "./random.ts";
import type { Select } from "./strategy.ts";

type SelectionName = SelectionOptions["strategy"];

export const strategies: {
  readonly [Name in SelectionName]: Select<Extract<SelectionOptions, { strategy: Name }>>;
} = { random: selectRandom };
