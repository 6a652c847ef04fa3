// The evaluator's entry: registers the function; everything else loads with its first request.
import { readEnv } from "../../shared/cloud/env.ts";
import { serve } from "../../shared/http/serve.ts";
import { EvaluatorEnv } from "./env.ts";

serve("evaluator", async () => {
  const env = readEnv(EvaluatorEnv);
  const [{ connect }, { evaluatorHandler }] = await Promise.all([
    import("./deps.ts"),
    import("./handler.ts"),
  ]);
  return evaluatorHandler(await connect(env), env);
});
