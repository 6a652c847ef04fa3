// What a run shows while only a person can help it, beside its own reason, and that it goes again.
import { expect, it } from "vitest";
import { helped, needingPerson } from "../../../shared/core/round/needsPerson.ts";
import type { Run } from "../../../shared/core/schemas/run.ts";

const run = (statusReason: string | null) => ({ statusReason, updatedAt: 1 }) as Run;

it.each([null, "all 3 rounds are done", "waits for clients."])("beside the reason %j", (own) => {
  const shown = needingPerson(run(own), "no right to.", 5);
  expect(shown).toEqual({
    ...run(`${own === null ? "" : `${own} `}Needs a person: no right to.`),
    updatedAt: 5,
  });
  expect(needingPerson(shown, "no right to.", 9), "is not written twice").toBe(shown);
  expect(needingPerson(shown, "another.", 9).statusReason).toMatch(
    /^(?!.*no right).*Needs a person: another\.$/,
  );
  expect(helped(shown).statusReason).toBe(own);
  expect(helped(run(own))).toEqual(run(own));
});

it("says nothing twice that the run's own reason says", () => {
  const paused = run("No right to. Then resume the run.");
  expect(needingPerson(paused, "No right to.", 5)).toBe(paused);
  expect(needingPerson(needingPerson(paused, "another.", 5), "No right to.", 9).statusReason).toBe(
    paused.statusReason,
  );
});

it("is no longer than an operator reads, and well-formed", () => {
  const { statusReason } = needingPerson(run(null), "😀".repeat(3_000), 5);
  expect(statusReason?.length).toBe(2_000);
  expect(statusReason?.isWellFormed()).toBe(true);
});
