// Rounds a minute when a run goes on by itself: what the protocol can do at most.
import { clientAccount } from "../../box/box.ts";
import type { Bench } from "../bench.ts";
import { readyRun, registerClients, withLocalCloud } from "../cloud/localCloud.ts";

const CLIENTS = 5;
const ROUNDS = 100;
const CLIENT = "client";

export const manyRounds: Bench = {
  name: "rounds",
  about: "rounds a minute over 100 rounds of 5 clients with 67 parameters, each scored",
  async run({ signal, show }) {
    const clientFunctions = [{ name: CLIENT, clientId: "all", shape: { maxInstances: 3 } }] as const;
    return withLocalCloud({ clientFunctions }, signal, async (cloud) => {
      const { box, api, until } = cloud;
      const at = { url: box.runtime.url(CLIENT), serviceAccount: clientAccount(CLIENT) };
      await registerClients(cloud, at, CLIENTS, [4]);
      const { runId } = await readyRun(cloud, {
        name: "rounds",
        model: { builtin: "tiny-mlp" },
        selection: { strategy: "random", cohortSize: CLIENTS },
        round: { deadlineSeconds: 60 },
        stop: { rounds: ROUNDS + 1 },
      });
      await api.act(runId, "start");
      let shownRound = 0;
      await until("The run being completed", async () => {
        const run = await api.run(runId);
        if (run.round >= shownRound + 20) {
          shownRound = run.round;
          show(`round ${run.round} of ${ROUNDS + 1}`);
        }
        return run.status === "completed" ? run : null;
      });
      const rounds = await api.rounds(runId);
      const [first, last] = [rounds[0], rounds.at(-1)];
      const wallMs = (last?.closedAt ?? Number.NaN) - (first?.closedAt ?? Number.NaN);
      const inTime = rounds.slice(1).reduce((sum, { counts }) => sum + counts.inTime, 0);
      return [
        {
          name: "rounds a minute",
          value: (ROUNDS * 60_000) / wallMs,
          unit: "1/min",
          note: `${ROUNDS} rounds after a first that starts the processes`,
        },
        { name: "updates in time", value: inTime / (ROUNDS * CLIENTS), unit: "share", aim: { least: 1 } },
      ];
    });
  },
};
