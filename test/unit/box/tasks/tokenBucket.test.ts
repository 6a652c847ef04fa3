// How fast a queue may dispatch.
import fc from "fast-check";
import { expect, test } from "vitest";
import { burstSize, fullBucket, refill, tokenAtMs } from "../../../../infra/box/tasks/tokenBucket.ts";

test("a burst is a fifth of a second's worth, from 10 to 100", () => {
  expect([0.1, 1, 50, 51, 300, 500].map(burstSize)).toEqual([10, 10, 10, 11, 60, 100]);
});

test("refills with time up to one burst, and not when the clock goes back", () => {
  const empty = { tokens: 0, atMs: 1_000 };
  expect(refill(empty, 4, 1_500).tokens).toBe(2);
  expect(refill(empty, 4, 900_000).tokens).toBe(10);
  expect(refill(empty, 4, 0)).toEqual({ tokens: 0, atMs: 0 });
});

test("reports when the next token is there", () => {
  expect(tokenAtMs({ tokens: 0, atMs: 1_000 }, 4)).toBe(1_250);
  expect(tokenAtMs({ tokens: 0.5, atMs: 1_000 }, 4)).toBe(1_125);
  expect(tokenAtMs(fullBucket(4, 1_000), 4)).toBe(1_000);
});

test("waiting until tokenAtMs always yields a token", () => {
  const rate = fc.double({ min: 0.01, max: 500, noNaN: true });
  fc.assert(
    fc.property(rate, fc.double({ min: 0, max: 0.999, noNaN: true }), (perSecond, tokens) => {
      const bucket = { tokens, atMs: 1_000 };
      const atMs = Math.ceil(tokenAtMs(bucket, perSecond));
      expect(refill(bucket, perSecond, atMs).tokens).toBeGreaterThanOrEqual(1 - 1e-9);
    }),
  );
});
