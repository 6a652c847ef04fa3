// The server's learning rate (Reddi et al. 2021, algorithm 1 with SGD as the server's optimiser).
import type { UpdateMethod } from "../updateMethod.ts";
import type { ServerRateOptions } from "./face.ts";

export const behaviour: UpdateMethod<ServerRateOptions> = {
  transform: {
    server(values, { rate }) {
      for (let i = 0; i < values.length; i++) values[i] = (values[i] ?? 0) * rate;
    },
  },
};
