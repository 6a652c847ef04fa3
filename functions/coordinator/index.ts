// The coordinator's entry: registers the function; everything else loads with its first request, Google
// libraries when needed.
import { readEnv } from "../../shared/cloud/env.ts";
import { serve } from "../../shared/http/serve.ts";
import { CoordinatorEnv } from "./env.ts";

serve("coordinator", async () => {
  const coldStartMs = performance.now();
  const env = readEnv(CoordinatorEnv);
  const [{ connect }, { coordinatorHandler }] = await Promise.all([
    import("./deps.ts"),
    import("./handler.ts"),
  ]);
  return coordinatorHandler(connect(env, coldStartMs), env);
});
