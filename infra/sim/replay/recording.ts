// A recorded run: the documents that the API gives of it.
import type { Invocation } from "../../../shared/core/schemas/invocation.ts";
import type { Round } from "../../../shared/core/schemas/round.ts";
import type { Run } from "../../../shared/core/schemas/run.ts";

export interface Recording {
  readonly run: Run;
  /** Ascending. */
  readonly rounds: readonly Round[];
  readonly invocations: readonly Invocation[];
}
