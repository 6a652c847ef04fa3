// The client function's entry: registers the function; TensorFlow and everything else load with its first request.
import { readEnv } from "../../shared/cloud/env.ts";
import { serve } from "../../shared/http/serve.ts";
import { ClientEnv } from "./env.ts";

serve("client", async () => {
  const coldStartMs = performance.now();
  const env = readEnv(ClientEnv);
  const [{ connect }, { clientHandler }] = await Promise.all([import("./deps.ts"), import("./handler.ts")]);
  return clientHandler(connect(env, coldStartMs), env);
});
