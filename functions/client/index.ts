// The client function's entry: registers the function; TensorFlow and everything else load with its first
// request.
import { setFlagsFromString } from "node:v8";
import { readEnv } from "../../shared/cloud/env.ts";
import { whyNotNative } from "../../shared/cloud/tensors/nativeFiles.ts";
import { serve } from "../../shared/http/serve.ts";
import { ClientEnv } from "./env.ts";

/**
 * How much the heap may grow between two collections, in per cent. By itself V8 gives a heap as small as this
 * one a few MB: it collects once for each model that comes or goes.
 */
const HEAP_GROWING_PERCENT = 200;
setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);

serve(
  "client",
  async () => {
    const coldStartMs = performance.now();
    const env = readEnv(ClientEnv);
    const [{ connect }, { clientHandler }] = await Promise.all([import("./deps.ts"), import("./handler.ts")]);
    return clientHandler(connect(env, coldStartMs), env);
  },
  whyNotNative(process.env),
);
