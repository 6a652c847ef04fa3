// Firestore's errors: what a retry can fix, and that our own faults are never said to be the caller's.
import { describe, expect, it } from "vitest";
import { fromFirestore } from "../../../shared/cloud/store/errors.ts";
import { FlError } from "../../../shared/core/errors.ts";

const grpcError = (code: number) => Object.assign(new Error(`${code} NAME: secret detail`), { code });

describe("fromFirestore", () => {
  it.each([
    [1, "aborted"],
    [2, "internal"],
    [4, "deadline-exceeded"],
    [5, "internal"],
    [6, "already-exists"],
    [7, "internal"],
    [8, "resource-exhausted"],
    [9, "aborted"],
    [10, "aborted"],
    [13, "internal"],
    [14, "unavailable"],
    [16, "internal"],
  ])("status %i is %s", (status, code) => {
    const cause = grpcError(status);
    const error = fromFirestore(cause, "transaction");
    expect(error).toMatchObject({ name: "FlError", code, cause });
    expect(error.message).not.toContain("secret");
    if ([5, 7, 16].includes(status)) expect(error).toMatchObject({ retry: "needs-a-person" });
    if (code !== "already-exists") expect(error).not.toMatchObject({ retry: "never" });
  });

  it.each([
    [3, "Transaction too big. Decrease transaction size.", "larger than Firestore takes"],
    [3, 'The value of property "secret" is longer than 1048487 bytes.', "larger than Firestore takes"],
    [3, "Property secret contains an invalid nested entity.", "finds it invalid"],
    [11, "secret", "finds it invalid"],
    [9, "The query requires an index. You can create it here: https://secret", "a field without an index"],
  ])("status %i with %j is refused for good", (code, message, why) => {
    const error = fromFirestore(Object.assign(new Error(message), { code }), "transaction");
    expect(error).toMatchObject({ name: "FlError", code: "internal", retry: "never" });
    expect(error.message).toContain(`refuses a transaction for good: `);
    expect(error.message).toContain(why);
    expect(error.message).not.toContain("secret");
  });

  it("a transaction that has expired may be made by another try", () => {
    const cause = Object.assign(new Error("The referenced transaction has expired or is no longer valid."), {
      code: 3,
    });
    const error = fromFirestore(cause, "transaction");
    expect(error).toMatchObject({ name: "FlError", code: "aborted" });
    expect(error).not.toMatchObject({ retry: "never" });
  });

  it("passes on errors of ours and unknown ones", () => {
    const ours = new FlError("not-found", "There is no run x.");
    expect(fromFirestore(ours, "read")).toBe(ours);
    const other = new TypeError("x is undefined");
    expect(fromFirestore(other, "read")).toBe(other);
    const system = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
    expect(fromFirestore(system, "read")).toBe(system);
    expect(fromFirestore("text", "read").message).toBe("text");
  });
});
