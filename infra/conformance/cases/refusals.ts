// What a client does with refusals and with answers that end a task: nothing more, and one call is enough.
import { play } from "../exchange.ts";
import { refusal } from "../stage.ts";
import { type Case, notDone, onceOnly, updateMissing } from "../verdict.ts";

export const refusalCases: readonly Case[] = [
  claimRefused("over", 409, "failed-precondition", "the round is over"),
  claimRefused("not-ours", 403, "permission-denied", "the invocation is of another account"),
  claimRefused("unknown", 404, "not-found", "there is no such invocation"),
  {
    name: "not-accepted",
    title: "answers the queue 503 where its token is not accepted, and does not insist",
    run: async (bench) => {
      const exchange = await play(bench, {
        claim: () => refusal(401, "unauthenticated", "The token is not accepted."),
        deliveries: 1,
      });
      const status = exchange.deliveries.at(-1)?.status ?? 0;
      const claims = exchange.seen.filter(({ to }) => to === "claim").length;
      return {
        problems: [
          ...(status >= 500
            ? []
            : [`it answered the queue HTTP ${status}: answer 503, so that it comes again`]),
          ...(claims <= 3 ? [] : [`it claimed ${claims} times: another call gets the same answer`]),
        ],
      };
    },
  },
  {
    name: "report-refused",
    title: "answers the queue 2xx where its report is refused for good, and reports once",
    run: async (bench) => {
      const exchange = await play(bench, {
        report: () => refusal(409, "failed-precondition", "The run is cancelled."),
      });
      const reports = exchange.seen.filter(({ to }) => to === "report").length;
      return { problems: [...notDone(exchange), ...onceOnly("reported", reports)] };
    },
  },
  ...(["late", "expired", "failed", "ignored"] as const).map(
    (status): Case => ({
      name: `receipt-${status}`,
      title: `is done where the receipt says ${status}`,
      run: async (bench) => {
        const exchange = await play(bench, {
          report: () => ({ status: 200, body: { status, reason: "As the case has it.", later: { key: 1 } } }),
        });
        const reports = exchange.seen.filter(({ to }) => to === "report").length;
        return {
          problems: [...updateMissing(exchange), ...notDone(exchange), ...onceOnly("reported", reports)],
        };
      },
    }),
  ),
];

function claimRefused(name: string, status: number, code: string, why: string): Case {
  return {
    name,
    title: `does nothing where a claim is refused because ${why} (${status})`,
    run: async (bench) => {
      const exchange = await play(bench, {
        claim: () => refusal(status, code, `As the case has it: ${why}.`),
      });
      const of = (to: string) => exchange.seen.filter((seen) => seen.to === to).length;
      return {
        problems: [
          ...notDone(exchange),
          ...onceOnly("claimed", of("claim")),
          ...(of("storage") + of("report") > 0 ? ["it worked all the same"] : []),
        ],
      };
    },
  };
}
