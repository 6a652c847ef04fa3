// When an update is too late: never, where clients stop in time.
import { expect, it } from "vitest";
import { lateAfterMs } from "../../../../shared/core/methods/selection/late.ts";
import { RoundSpec } from "../../../../shared/core/schemas/spec.ts";

it("is after the longest that a round lasts, unless clients submit what they have", () => {
  const round = { deadlineSeconds: 45, deadline: { kind: "adaptive" } };
  expect(lateAfterMs(RoundSpec.parse(round))).toBe(45_000);
  expect(lateAfterMs(RoundSpec.parse({ ...round, onDeadline: "submit-partial" }))).toBe(null);
});
