// FedLesScan as a spec names it.
import type { Face, SpecFacts } from "../../face.ts";
import { epsilonSteps } from "./epsilonSearch.ts";
import { FedlesscanOptions, MAX_EPSILON_STEPS } from "./options.ts";

export const face = {
  name: "fedlesscan",
  title: "FedLesScan",
  paper:
    "Elzohairy, Chadha, Jindal, Grafberger, Gu, Gerndt, Abboud: FedLesScan: Mitigating Stragglers in Serverless Federated Learning, 2022",
  options: FedlesscanOptions,
  problems({ selection }: SpecFacts) {
    if (epsilonSteps(FedlesscanOptions.parse(selection).epsilon) <= MAX_EPSILON_STEPS) return [];
    const message = `must not have more than ${MAX_EPSILON_STEPS} steps from \`from\` to \`below\`: take a larger \`step\``;
    return [{ path: ["selection", "epsilon"], message }];
  },
} as const satisfies Face;
