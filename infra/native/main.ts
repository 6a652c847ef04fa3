// In an archive: what the region's build runs once the packages are there (`gcp-build`). Its exit code is the
// build's.
import { fileURLToPath } from "node:url";
import { runCommand } from "../setup/command.mjs";
import { installNative } from "./installNative.ts";
import { npmRegistry } from "./library.ts";
import { nodeApiHeaders, tensorflowWheel } from "./pins.ts";

const PROBE_TIMEOUT_MS = 120_000;

const { env } = process;
const installed = await installNative({
  root: process.cwd(),
  // Anything but a plain no: a mistyped value must not make a function slow.
  isRequired: env["REQUIRE_NATIVE_TENSORS"] !== "false",
  wheel: tensorflowWheel,
  headers: nodeApiHeaders,
  wheelUrl: env["TENSORFLOW_WHEEL_URL"] || undefined, // Empty is as good as not set.
  registry: npmRegistry,
  probe: async () => {
    const program = fileURLToPath(new URL("probe.mjs", import.meta.url));
    const { ok, reason, output } = await runCommand(process.execPath, [program, "native"], {
      timeoutMs: PROBE_TIMEOUT_MS,
    });
    return ok ? "" : `${reason}: ${output.split("\n").at(-1) ?? ""}`;
  },
});
if (installed.ok) console.log(installed.message);
else {
  console.error(installed.message);
  process.exitCode = 1;
}
