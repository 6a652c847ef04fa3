// `round.relay` in a run's spec: one member for each way to arrange a cohort, with its own options. Unknown
// keys are errors.
import * as z from "zod";
import { relayOptions } from "../registry/relayFaces.ts";

export const RelayOptions = z.discriminatedUnion("strategy", relayOptions).meta({ id: "RelaySpec" });
export type RelayOptions = z.infer<typeof RelayOptions>;
