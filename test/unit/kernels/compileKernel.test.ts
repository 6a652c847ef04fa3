// The committed bytes of the WebAssembly kernel are those of its text.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { compileKernel } from "../../../infra/kernels/compileKernel.ts";

const folder = new URL("../../../shared/core/sums/", import.meta.url);

it("gives the file that is committed", async () => {
  const source = readFileSync(new URL("kernel.wat", folder), "utf8");
  expect(await compileKernel(source)).toBe(readFileSync(new URL("kernelBytes.ts", folder), "utf8"));
});

it("names the line of what is wrong", async () => {
  await expect(compileKernel("(module\n  (func (f64.nothing)))")).rejects.toThrow("kernel.wat:2");
});
