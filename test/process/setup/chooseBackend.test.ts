// The order in which set-up looks for TensorFlow, and the words it has for what it found.
import { expect, test } from "vitest";
import { WrongBytesError } from "../../../infra/native/pinnedFile.ts";
import { chooseBackend, type Probe, type Way } from "../../../infra/setup/steps/tensors.ts";

const native: Probe = { backend: "tfjs-node", version: "2.21.0" };
const portable: Probe = { backend: "wasm", version: "4.22.0" };
const silent = () => {};

/** A machine on which native TensorFlow works once `after` of the ways have been gone. */
function machine(after: number, answers: Readonly<Record<string, string | Error>>, works = true) {
  const gone: string[] = [];
  const ways: Way[] = Object.entries(answers).map(([name, answer]) => ({
    name,
    install: async () => {
      gone.push(name);
      if (typeof answer !== "string") throw answer;
      return answer;
    },
  }));
  const probe = async (prefer: "native" | "portable") => {
    if (prefer === "portable") return works ? portable : "no WebAssembly";
    return gone.length >= after ? native : "does not load";
  };
  return { gone, choose: () => chooseBackend("/project", ways, probe, silent) };
}

test("what is installed already is left alone", async () => {
  const { gone, choose } = machine(0, { first: "", second: "" });
  expect(await choose()).toEqual({ probe: native, reason: "installed already" });
  expect(gone).toEqual([]);
});

test("ways are tried in order until one works", async () => {
  const { gone, choose } = machine(2, { first: "unreachable", second: "", third: "" });
  expect(await choose()).toEqual({ probe: native, reason: "second" });
  expect(gone).toEqual(["first", "second"]);
});

test("an install that ends well but does not load is a failure", async () => {
  const { choose } = machine(9, { first: "unreachable", second: "" });
  expect(await choose()).toEqual({ probe: portable, reason: "first: unreachable; second: does not load" });
});

test("wrong bytes lead to the portable backend, never to another way", async () => {
  const wrong = new WrongBytesError("the wheel has SHA-256 0, and SHA-256 1 is expected");
  const { gone, choose } = machine(3, { first: "unreachable", second: wrong, third: "" });
  expect(await choose()).toEqual({
    probe: portable,
    reason: "first: unreachable; second: the wheel has SHA-256 0, and SHA-256 1 is expected",
  });
  expect(gone).toEqual(["first", "second"]);
});

test("without the native package there is nothing to try", async () => {
  const { choose } = machine(9, {});
  expect(await choose()).toEqual({ probe: portable, reason: "tfjs-node is not installed" });
});

test("without any backend set-up ends with all reasons", async () => {
  const { choose } = machine(9, { first: "unreachable" }, false);
  await expect(choose()).rejects.toThrow(/first: unreachable; the portable backend: no WebAssembly/);
});
