// Waiting for something of the api, by a clock of its own: through outages, until it is there or the time is
// up.
import { describe, expect, test } from "vitest";
import { NotYet } from "../../../infra/fedstratus/frame/failures.ts";
import { waitFor } from "../../../infra/fedstratus/watch/waitFor.ts";
import { type ErrorCode, FlError } from "../../../shared/core/errors.ts";
import { T0 } from "../../support/builders.ts";

interface Waited {
  readonly readyMs: number;
  readonly awayMs?: readonly [from: number, to: number];
  readonly code?: ErrorCode;
  readonly timeoutMs?: number;
}

async function waitedFor({ readyMs, awayMs: [from, to] = [0, 0], code = "unavailable", timeoutMs }: Waited) {
  let sinceMs = 0;
  const warnings: string[] = [];
  const context = {
    io: {
      nowMs: () => T0 + sinceMs,
      sleep: async (ms: number) => {
        sinceMs += ms;
      },
    },
    options: { timeoutMs },
    out: { warn: (text: string) => void warnings.push(text) },
  };
  const ask = async () => {
    if (sinceMs >= from && sinceMs < to) throw new FlError(code, "Nothing answers.");
    return sinceMs >= readyMs;
  };
  const ended = await waitFor("the score", context, ask, (isReady) => isReady).then(
    () => undefined,
    (error: unknown) => error,
  );
  return { error: ended, warnings, tookMs: sinceMs };
}

describe("an api that is away for a while", () => {
  test.each(["unavailable", "internal", "aborted", "resource-exhausted", "deadline-exceeded"] as const)(
    "with %s ends no wait, and is told of once",
    async (code) => {
      const { error, warnings, tookMs } = await waitedFor({ readyMs: 90_000, awayMs: [0, 60_000], code });
      expect(error).toBeUndefined();
      expect(warnings).toEqual(["The api is away; asking again for the score."]);
      expect(tookMs).toBeGreaterThanOrEqual(90_000);
      expect(tookMs).toBeLessThan(96_000);
    },
  );

  test("ends it after ten minutes", async () => {
    const { error, tookMs } = await waitedFor({
      readyMs: 0,
      awayMs: [0, 3_600_000],
      timeoutMs: 3_600_000,
    });
    expect(error).toMatchObject({ code: "unavailable" });
    expect(tookMs).toBeGreaterThanOrEqual(600_000);
    expect(tookMs).toBeLessThan(606_000);
  });

  test("ends it at --timeout, to the millisecond, and says that it is away", async () => {
    const { error, tookMs } = await waitedFor({ readyMs: 0, awayMs: [0, 3_600_000], timeoutMs: 12_345 });
    expect(error).toBeInstanceOf(NotYet);
    expect(Object(error).message).toBe("After 12 s, the score is not known to be there: the api is away.");
    expect(tookMs).toBe(12_345);
  });
});

test("what no later call can change ends a wait at once", async () => {
  const { error, tookMs } = await waitedFor({ readyMs: 0, awayMs: [0, 1_000], code: "permission-denied" });
  expect(error).toMatchObject({ code: "permission-denied" });
  expect(tookMs).toBe(0);
});

test("without an outage it is as it was: ten minutes at most, and nothing is told", async () => {
  expect(await waitedFor({ readyMs: 5_000 })).toMatchObject({ error: undefined, warnings: [] });
  const { error, tookMs } = await waitedFor({ readyMs: Number.POSITIVE_INFINITY });
  expect(Object(error).message).toBe("After 10 min, the score is not there yet.");
  expect(tookMs).toBe(600_000);
});
