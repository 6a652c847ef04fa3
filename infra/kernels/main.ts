// `npm run kernels`: compiles the WebAssembly text of shared/core into the bytes that are committed beside
// it.
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { runCommandLine } from "../cli/commandLine.ts";
import { compileKernel } from "./compileKernel.ts";

const folder = new URL("../../shared/core/sums/", import.meta.url);
await runCommandLine(async () => {
  const source = await readFile(new URL("kernel.wat", folder), "utf8");
  await writeFile(fileURLToPath(new URL("kernelBytes.ts", folder)), await compileKernel(source));
});
