// The aggregator's entry: registers the function; everything else loads with its first request, Google
// libraries when needed.
import { readEnv } from "../../shared/cloud/env.ts";
import { serve } from "../../shared/http/serve.ts";
import { AggregatorEnv } from "./env.ts";

serve("aggregator", async () => {
  const coldStartMs = performance.now();
  const env = readEnv(AggregatorEnv);
  const [{ connect }, { aggregatorHandler }] = await Promise.all([
    import("./deps.ts"),
    import("./handler.ts"),
  ]);
  return aggregatorHandler(connect(env, coldStartMs), env);
});
