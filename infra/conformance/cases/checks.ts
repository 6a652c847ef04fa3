// Checks of a client before any round: what it tries, and what it says of it. A client may know of no checks;
// then it answers 404.

import { modelObject } from "../../../shared/core/round/objects.ts";
import type { CheckReport } from "../../../shared/core/schemas/checkCalls.ts";
import { encodeSafetensors } from "../../../shared/core/updates/safetensors.ts";
import { tensorsOf } from "../../../shared/core/updates/weights.ts";
import { type CheckExchange, type CheckSetup, playCheck } from "../checkExchange.ts";
import { RUN_ID } from "../exchange.ts";
import { refusal } from "../stage.ts";
import { CANARY, type Case, notDone, onceOnly, type Verdict } from "../verdict.ts";

export const checkCases: readonly Case[] = [
  checkCase(
    "check",
    "reads its data for a check, and reports what it found; or knows no checks, and answers 404",
    { withRun: false },
    withReport(({ facts, problems }) => [
      ...problems.map(({ message }) => `it has a problem: ${message.slice(0, 300)}`),
      ...(facts.samples === null || facts.samples === 0 || facts.dataMs === null
        ? ["it does not say how many samples it has, or how long reading them took"]
        : []),
      ...(facts.steps > 0 ? ["it says that it has trained, and there was no run"] : []),
    ]),
  ),
  checkCase(
    "check-run",
    "trains a few steps of a run for a check, says how long one takes, and uploads nothing",
    {},
    withReport(({ facts, problems }, { seen }) => [
      ...problems.map(({ message }) => `it has a problem: ${message.slice(0, 300)}`),
      ...(facts.steps > 0 && facts.stepMs !== null ? [] : ["it trained no step, or does not say how long"]),
      ...(seen.some(({ object }) => object === modelObject(RUN_ID, 0)) ? [] : ["it did not read the model"]),
    ]),
  ),
  {
    name: "check-problem",
    title: "says what is wrong for a check, what it found besides, and nothing of what it read",
    run: async (bench) => {
      const size = encodeSafetensors(tensorsOf(bench.run.weights)).byteLength;
      const modelFile = new TextEncoder().encode(CANARY.padEnd(Math.max(size, 64), "."));
      return judged(
        await playCheck(bench, { modelFile }),
        withReport(({ facts, problems }) => [
          ...(problems.length > 0 ? [] : ["it has no problem, and the model is no safetensors file"]),
          ...(facts.samples === null ? ["it says nothing of its data, which can be read"] : []),
          ...(problems.some(({ message }) => message.includes(CANARY))
            ? ["its message repeats what is behind the link"]
            : []),
        ]),
      );
    },
  },
  checkCase(
    "check-busy",
    "claims a check again after a 503",
    {
      withRun: false,
      claim: (number) => (number === 1 ? refusal(503, "unavailable", "Not now.") : undefined),
    },
    withReport(() => []),
  ),
  checkCase(
    "check-over",
    "does nothing where the claim of a check is refused because it is over (409)",
    { claim: () => refusal(409, "failed-precondition", "As the case has it: the check is over.") },
    ({ deliveries, seen }) => [
      ...notDone({ deliveries }),
      ...onceOnly("claimed", seen.filter(({ to }) => to === "claim-check").length),
      ...(seen.some(({ to }) => to !== "claim-check") ? ["it worked all the same"] : []),
    ],
  ),
];

type Judge = (exchange: CheckExchange) => readonly string[];

function checkCase(name: string, title: string, setup: CheckSetup, judge: Judge): Case {
  return { name, title, run: async (bench) => judged(await playCheck(bench, setup), judge) };
}

function judged(exchange: CheckExchange, judge: Judge): Verdict {
  const { deliveries, seen } = exchange;
  if (deliveries.every(({ status }) => status === 404) && seen.length === 0) {
    return { problems: [], note: "it knows no checks: it answers 404" };
  }
  const [first] = seen.filter(({ to }) => to === "claim-check");
  return {
    problems: [
      ...(first?.tokenProblem === undefined ? [] : [`its token is not accepted: ${first.tokenProblem}`]),
      ...seen
        .filter(
          ({ to, method }) => to === "claim" || to === "report" || (to === "storage" && method !== "GET"),
        )
        .map(
          ({ to, method }) => `it sent a ${method} to the ${to === "storage" ? to : `coordinator: ${to}`}`,
        ),
      ...judge(exchange),
    ],
  };
}

/** What is wrong with a check that is to end in a report. */
function withReport(judge: (report: CheckReport, exchange: CheckExchange) => readonly string[]): Judge {
  return (exchange) => {
    const { report, refused } = exchange;
    if (report !== undefined) return [...notDone(exchange), ...judge(report, exchange)];
    return refused.length > 0
      ? [`its report is none: ${refused.slice(0, 5).join("; ")}`]
      : ["it reported nothing that was taken: POST {coordinator}/report-check"];
  };
}
