// A process of its own that reads a roster as the coordinator does, chooses a cohort, and reports what that
// took of its memory. `rosterReader.ts RUN`, with the database in its environment.
import { readRoster } from "../../functions/coordinator/roster.ts";
import { connectStore } from "../../shared/cloud/store/firestoreStore.ts";
import { selectCohort } from "../../shared/core/methods/selection/selectCohort.ts";
import { buildRun, buildSpec } from "./builders.ts";

const store = connectStore({ projectId: process.env["GOOGLE_CLOUD_PROJECT"] ?? "", databaseId: "(default)" });
const spec = buildSpec({ selection: { strategy: "fedlesscan", cohortSize: 1_000 } });
const { roster } = await readRoster({ runId: process.argv[2] ?? "", spec }, 0, store);
const { cohort } = selectCohort(buildRun({ spec }), 1, { roster, state: null, limit: 1_000 }, Date.now());
await store.close();
const peakRssMib = process.resourceUsage().maxRSS / 1_024;
process.send?.({ clients: roster.length, cohort: cohort.length, peakRssMib });
