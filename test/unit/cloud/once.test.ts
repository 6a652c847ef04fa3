// Made once, and again only after a failure.
import { expect, it } from "vitest";
import { once } from "../../../shared/cloud/once.ts";

it("makes one for all who ask, also while it is being made", async () => {
  let made = 0;
  const get = once(async () => ({ number: ++made }));
  const [one, other] = await Promise.all([get(), get()]);
  expect(one).toBe(other);
  expect(await get()).toBe(one);
  expect(made).toBe(1);
});

it("gives a failure to all callers that waited, and tries again for the next", async () => {
  let tried = 0;
  const get = once(async () => {
    tried += 1;
    if (tried === 1) throw new Error("no memory");
    return tried;
  });
  const [one, other] = await Promise.allSettled([get(), get()]);
  expect([one?.status, other?.status]).toEqual(["rejected", "rejected"]);
  expect(await get()).toBe(2);
});
