// A function that has to work with native TensorFlow does so or refuses; one that need not says loudly that
// it does without.
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { loadTrainer } from "../../../shared/cloud/tensors/loadTrainer.ts";
import { whyNotNative } from "../../../shared/cloud/tensors/nativeFiles.ts";
import { FlError, needsPerson } from "../../../shared/core/errors.ts";
import { isPortable, PORTABLE_TENSORS } from "../../../shared/core/ports/trainer.ts";

/** What loading comes to, by what is preferred. */
const { loadTensors } = vi.hoisted(() => ({ loadTensors: vi.fn() }));
vi.mock("../../../shared/cloud/tensors/loadTensors.ts", () => ({ loadTensors }));

const native = { tf: {}, backend: "tfjs-node", version: "2.21.0", fallbackReason: "" };
const portable = { tf: {}, backend: "wasm", version: "4.22.0", fallbackReason: "no binding" };

describe("whyNotNative", () => {
  const required = { REQUIRE_NATIVE_TENSORS: "true" };
  let folder: string;
  const whyNot = (env: Record<string, string>) => whyNotNative(env, join(folder, "index.mjs"));

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "native-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("names what is missing, and what to do", async () => {
    expect(whyNot(required)).toMatch(/tfjs-node is not installed.*require_native_tensors to false/);
    const tfjsNode = join(folder, "node_modules", "@tensorflow", "tfjs-node");
    await mkdir(join(tfjsNode, "lib", "napi-v8"), { recursive: true });
    await writeFile(join(tfjsNode, "package.json"), "{}");
    expect(whyNot(required)).toMatch(/its binding was not built/);
    await writeFile(join(tfjsNode, "lib", "napi-v8", "tfjs_binding.node"), "");
    expect(whyNot(required)).toBe("");
  });

  it.each([{}, { REQUIRE_NATIVE_TENSORS: "false" }, { ...required, TRAINER: "test" }])(
    "asks for nothing with %j",
    (env) => {
      expect(whyNot(env)).toBe("");
    },
  );
});

describe("loadTrainer", () => {
  const load = (options: Partial<Parameters<typeof loadTrainer>[0]>) => {
    const warn = vi.fn();
    return { warn, trainer: loadTrainer({ kind: "tensorflow", prefer: "auto", log: { warn }, ...options }) };
  };

  it("insists on the native backend where it is required, and needs a person where it does not load", async () => {
    loadTensors.mockImplementation(async ({ prefer }) => {
      if (prefer === "native")
        throw new FlError("failed-precondition", "Native TensorFlow does not load: no.");
      return portable;
    });
    const error = await load({ requireNative: true }).trainer.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FlError);
    expect(needsPerson(error as FlError)).toBe(true);
    expect((error as FlError).message).toMatch(/Native TensorFlow does not load: no\. Deploy it again/);
  });

  it("refuses an environment that asks for both", async () => {
    await expect(load({ requireNative: true, prefer: "portable" }).trainer).rejects.toThrow(
      "TENSORS asks for the portable backend",
    );
  });

  it("warns where it works without, with the reason, and not where it works with it", async () => {
    loadTensors.mockResolvedValue(portable);
    const without = load({});
    expect(isPortable((await without.trainer).backend)).toBe(true);
    expect(without.warn.mock.calls).toEqual([[PORTABLE_TENSORS, { backend: "wasm", reason: "no binding" }]]);
    loadTensors.mockResolvedValue(native);
    const withIt = load({ requireNative: true });
    expect(isPortable((await withIt.trainer).backend)).toBe(false);
    expect(withIt.warn).not.toHaveBeenCalled();
  });
});

it("the deployment counts the line, and an alert looks for it", () => {
  const text = (file: string) =>
    readFileSync(resolve(import.meta.dirname, "../../../terraform/modules/observability", file), "utf8");
  const counter = /(\w+)\s*=\s*{ filter = "jsonPayload\.message=\\"works without native TensorFlow\\""/.exec(
    text("metrics.tf"),
  )?.[1];
  expect(PORTABLE_TENSORS).toBe("works without native TensorFlow");
  expect(text("alerts.tf")).toContain(`filter = local.counters.${counter}.filter`);
});
