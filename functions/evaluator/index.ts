// The evaluator's entry: registers the function; everything else loads with its first request, Google
// libraries when needed.
import { readEnv } from "../../shared/cloud/env.ts";
import { whyNotNative } from "../../shared/cloud/tensors/nativeFiles.ts";
import { serve } from "../../shared/http/serve.ts";
import { EvaluatorEnv } from "./env.ts";

serve(
  "evaluator",
  async () => {
    const coldStartMs = performance.now();
    const env = readEnv(EvaluatorEnv);
    const [{ connect }, { evaluatorHandler }] = await Promise.all([
      import("./deps.ts"),
      import("./handler.ts"),
    ]);
    return evaluatorHandler(connect(env, coldStartMs), env);
  },
  whyNotNative(process.env),
);
