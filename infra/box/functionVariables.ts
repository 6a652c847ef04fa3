// Which variables a function is given: as deployed, those that it declares and no others. A function that
// reads one it does not declare fails here as it would there.
import { AggregatorEnv } from "../../functions/aggregator/env.ts";
import { ApiEnv } from "../../functions/api/env.ts";
import { ClientEnv } from "../../functions/client/env.ts";
import { CoordinatorEnv } from "../../functions/coordinator/env.ts";
import { EvaluatorEnv } from "../../functions/evaluator/env.ts";
import type { FunctionName } from "../../shared/core/protocol/tasks.ts";

const declared = {
  api: ApiEnv,
  coordinator: CoordinatorEnv,
  aggregator: AggregatorEnv,
  evaluator: EvaluatorEnv,
  client: ClientEnv,
};

/** Of a deployment's variables those that the function declares. */
export function variablesOf(
  name: FunctionName,
  deployment: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const { shape } = declared[name];
  return Object.fromEntries(
    Object.entries(deployment).filter(([variable]) => Object.hasOwn(shape, variable)),
  );
}
