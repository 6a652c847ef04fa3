// The server of FedDyn (Acar et al. 2021, algorithm 1): the mean of the models, moved by what clients keep.
import type { StreamAggregation } from "../aggregationMethod.ts";
import { feddynStep } from "../feddynStep.ts";
import type { FeddynServerOptions } from "./face.ts";

export const behaviour: StreamAggregation<FeddynServerOptions> = {
  access: "stream",
  elementwise: true,
  weight: ({ stalenessWeight }) => stalenessWeight,
  server: { state: ["dual"], step: feddynStep },
};
