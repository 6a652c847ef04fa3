// The TypeScript file that holds a compiled WebAssembly kernel.
import wabt from "wabt";

/** @throws Error with line and column for text that is no WebAssembly */
export async function compileKernel(source: string): Promise<string> {
  const module = (await wabt()).parseWat("kernel.wat", source, { simd: true });
  try {
    module.validate();
    const base64 = Buffer.from(module.toBinary({}).buffer).toString("base64");
    const lines = base64.match(/.{1,100}/g) ?? [];
    return [
      "// The bytes of kernel.wat. Made by `npm run kernels`; do not edit.",
      "export const kernelBase64 =",
      `  ${lines.map((line) => `"${line}"`).join(" +\n  ")};\n`,
    ].join("\n");
  } finally {
    module.destroy();
  }
}
