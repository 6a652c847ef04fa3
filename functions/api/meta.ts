// What this deployment is: its release, its limits, its prices, and who calls.
import * as z from "zod";
import type { Principal } from "../../shared/cloud/auth/verifyIdToken.ts";
import { priceTables } from "../../shared/core/cost/prices.ts";
import { refs } from "../../shared/core/ports/store.ts";
import { CLIENT_RELEASE } from "../../shared/core/round/clientRelease.ts";
import { MAX_NOTES } from "../../shared/core/schemas/annotation.ts";
import { Instant, MAX_ROUND, SERIES_ROUNDS } from "../../shared/core/schemas/ids.ts";
import { RELEASE } from "../../shared/core/schemas/release.ts";
import { MAX_COHORT } from "../../shared/core/schemas/spec.ts";
import { WatchdogLook } from "../../shared/core/schemas/watchdogLook.ts";
import { type AnyRoute, NoParams, NoQuery, route } from "../../shared/http/routes.ts";
import type { ApiDeps } from "./deps.ts";
import { MAX_PAGE } from "./paging.ts";

const define = route<Principal>();

const { name, asOf, source } = priceTables["cloud-run-2026"];

const Meta = z
  .strictObject({
    release: z.string().describe("Of FedStratus."),
    clientRelease: z.int().describe("Of the client protocol, the newest that it speaks."),
    now: Instant.describe("By the clock that tokens are checked with."),
    caller: z.string().describe("The e-mail address in the token of this call."),
    prices: z
      .strictObject({ name: z.string(), asOf: z.string(), source: z.string() })
      .describe("What costs are computed by."),
    limits: z.strictObject({
      cohort: z.int(),
      rounds: z.int(),
      pageItems: z.int(),
      seriesRounds: z.int().describe("Rounds in a block of a series."),
      notesCharacters: z.int(),
    }),
    watchdog: WatchdogLook.nullable().describe(
      "Its last look; null before the first one, and where none is scheduled, as in a local cloud.",
    ),
  })
  .meta({ id: "Meta" });

export function metaRoutes({
  store,
  nowMs,
}: Pick<ApiDeps, "store" | "nowMs">): readonly AnyRoute<Principal>[] {
  return [
    define({
      method: "GET",
      path: "/v1/meta",
      operationId: "getMeta",
      summary: "Read what this deployment is, whether its watchdog looks, and who you are to it.",
      params: NoParams,
      query: NoQuery,
      answer: { status: 200, schema: Meta },
      run: async ({ caller }) => ({
        release: RELEASE,
        clientRelease: CLIENT_RELEASE,
        now: nowMs(),
        caller: caller.email,
        prices: { name, asOf, source },
        limits: {
          cohort: MAX_COHORT,
          rounds: MAX_ROUND,
          pageItems: MAX_PAGE,
          seriesRounds: SERIES_ROUNDS,
          notesCharacters: MAX_NOTES,
        },
        watchdog: await store.get(refs.watchdog()),
      }),
    }),
  ];
}
