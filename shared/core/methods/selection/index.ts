// Every selection strategy by name. A new one is a file, a row here and a member of SelectionOptions.
import type * as z from "zod";
import { selectFedlesscan } from "./fedlesscan/index.ts";
import { FedlesscanOptions } from "./fedlesscan/options.ts";
import type { SelectionOptions } from "./options.ts";
import { RandomOptions, selectRandom } from "./random/index.ts";
import type { Select } from "./strategy.ts";

/** Each takes the spec's options whole, and throws a ZodError for those of another strategy. */
export const strategies: Readonly<Record<SelectionOptions["strategy"], Select<SelectionOptions>>> = {
  random: row(RandomOptions, selectRandom),
  fedlesscan: row(FedlesscanOptions, selectFedlesscan),
};

function row<Own extends SelectionOptions>(
  schema: z.ZodType<Own>,
  select: Select<Own>,
): Select<SelectionOptions> {
  return (input, random) => select({ ...input, options: schema.parse(input.options) }, random);
}
