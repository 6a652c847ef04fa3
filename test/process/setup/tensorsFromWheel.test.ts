// Native TensorFlow from pip: what is not the pinned wheel ends set-up's search for it. pip and the compiler
// are programs of the test.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { WrongBytesError } from "../../../infra/native/pinnedFile.ts";
import { installFromWheel } from "../../../infra/setup/steps/tensorsFromWheel.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "from-wheel-"));
  mkdirSync(join(root, "bin"));
  vi.stubEnv("PATH", `${join(root, "bin")}${delimiter}${process.env["PATH"]}`);
  program("g++", "exit 0");
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true });
});

function program(name: string, script: string): void {
  writeFileSync(join(root, "bin", name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(root, "bin", name), 0o755);
}

/** As `pip download` does it: the folder follows --dest. */
const pip = (script: string) =>
  program("python3", `[ "$1" = --version ] && exit\nwhile [ "$1" != --dest ]; do shift; done\n${script}`);

const install = () => installFromWheel(root, () => {});
const onLinux = test.runIf(process.platform === "linux");

test.runIf(process.platform === "linux" && process.arch === "x64")("another wheel is refused", async () => {
  pip('echo wrong > "$2/tensorflow_cpu.whl"');
  const error = await install().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(WrongBytesError);
  expect(String(error)).toMatch(
    /tensorflow_cpu\.whl is not tensorflow_cpu-.* SHA-256 [0-9a-f]{64} is expected/,
  );
  expect(existsSync(join(root, "node_modules"))).toBe(false);
});

onLinux("a wheel that pip finds to be another one is refused", async () => {
  pip(
    "echo 'ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.' >&2; echo Got >&2; exit 1",
  );
  await expect(install()).rejects.toThrow(WrongBytesError);
});

onLinux("a download that fails is only a reason to look elsewhere", async () => {
  pip("echo 'ERROR: No matching distribution found' >&2; exit 1");
  expect(await install()).toBe("pip download: ERROR: No matching distribution found");
});
