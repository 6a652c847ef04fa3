// The api's entry: registers the function; everything else loads with its first request, Google libraries
// when needed.
import { readEnv } from "../../shared/cloud/env.ts";
import { serve } from "../../shared/http/serve.ts";
import { ApiEnv } from "./env.ts";

serve("api", async () => {
  const env = readEnv(ApiEnv);
  const [{ connect }, { apiHandler }] = await Promise.all([import("./deps.ts"), import("./handler.ts")]);
  return apiHandler(connect(env), env);
});
