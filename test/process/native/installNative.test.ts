// A function's build gets native TensorFlow with the pinned bytes or not at all. All of it is real but for
// its size: a server on loopback, a wheel with a small library, a compiler, and a binding that a Node loads.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { strToU8, zipSync } from "fflate";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type InstallOptions, installNative } from "../../../infra/native/installNative.ts";
import { fetchHeaders, npmRegistry } from "../../../infra/native/library.ts";
import { checkPinned } from "../../../infra/native/pinnedFile.ts";
import type { PinnedFile } from "../../../infra/native/pins.ts";
import { unzip } from "../../../infra/native/unzip.ts";

let scratch: string;
let wheel: Uint8Array;
let tarball: Uint8Array;
let server: Server;
let origin: string;
const asked: string[] = [];

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "native with space-"));
  const library = await compiled("libtensorflow_cc.so.2", 'extern "C" int answer() { return 42; }');
  const framework = await compiled("libtensorflow_framework.so.2", "");
  wheel = zipSync({
    "tensorflow/libtensorflow_cc.so.2": library,
    "tensorflow/libtensorflow_framework.so.2": [framework, { level: 0 }],
    "tensorflow/include/tensorflow/c/c_api.h": strToU8('extern "C" int answer();\n'),
    "tensorflow/include/tensorflow/other.h": strToU8("not needed"),
    "tensorflow/include/LICENSE": strToU8("the licence"),
    "tensorflow/__init__.py": strToU8(""),
  });
  await mkdir(join(scratch, "package", "include"), { recursive: true });
  await writeFile(join(scratch, "package", "include", "node_api.h"), "/* headers */");
  execFileSync("tar", ["-czf", join(scratch, "headers.tgz"), "-C", scratch, "package"]);
  tarball = await readFile(join(scratch, "headers.tgz"));

  const wrong = wheel.slice();
  wrong[100] = (wrong[100] ?? 0) ^ 1;
  const files: Record<string, Uint8Array> = {
    "/wheel.whl": wheel,
    "/wrong.whl": wrong,
    "/short.whl": wheel.subarray(0, -1),
    "/long.whl": Buffer.concat([wheel, wheel]),
    "/registry/headers/-/headers.tgz": tarball,
  };
  server = createServer(({ url = "" }, response) => {
    asked.push(url);
    const file = files[new URL(url, "http://x").pathname];
    response.writeHead(file === undefined ? 403 : 200).end(file);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.close();
  await rm(scratch, { recursive: true, force: true });
});

let root: string;
beforeEach(async () => {
  asked.length = 0;
  root = await mkdtemp(join(scratch, "function-"));
  const tfjsNode = packageIn(root);
  await mkdir(join(tfjsNode, "binding"), { recursive: true });
  await writeFile(join(tfjsNode, "package.json"), JSON.stringify({ binary: { napi_versions: [3, 8, 999] } }));
  await writeFile(
    join(tfjsNode, "binding", "tfjs_backend.cc"),
    '#include "tensorflow/c/c_api.h"\nint answered() { return answer(); }\n',
  );
  await writeFile(
    join(tfjsNode, "binding", "tfjs_binding.cc"),
    `#include <node_api.h>
    int answered();
    NAPI_MODULE_INIT() {
      napi_value value;
      napi_create_int32(env, answered(), &value);
      return value;
    }`,
  );
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe("installNative", () => {
  it("unpacks the library, compiles the binding, and has it tried", async () => {
    const outcome = await install({ wheelUrl: `${origin}/wheel.whl` });
    expect(outcome).toEqual({ ok: true, backend: "native", message: expect.stringContaining("works") });
    const deps = join(packageIn(root), "deps");
    expect(await readFile(join(deps, "LICENSE"), "utf8")).toBe("the licence");
    expect(existsSync(join(deps, "include", "tensorflow", "other.h"))).toBe(false);
  });

  it.each(["wrong.whl", "short.whl", "long.whl"])("stops the build at other bytes: %s", async (name) => {
    for (const isRequired of [true, false]) {
      const outcome = await install({ wheelUrl: `${origin}/${name}?token=secret`, isRequired });
      expect(outcome).toEqual({
        ok: false,
        message: expect.stringContaining(`${origin}/${name} is not wheel.whl`),
      });
      expect(outcome.message).not.toContain("secret");
      expect(existsSync(join(packageIn(root), "deps"))).toBe(false);
    }
  });

  it.each([
    ["the server refuses", () => `${origin}/nowhere`, /\/nowhere answers 403/],
    [
      "no server answers",
      () => "http://127.0.0.1:1/wheel.whl",
      /127\.0\.0\.1:1\/wheel\.whl cannot be fetched/,
    ],
  ])("fails where it is required and %s, and says how to do without", async (_, url, reason) => {
    const outcome = await install({ wheelUrl: url() });
    expect(outcome.ok).toBe(false);
    expect(outcome.message).toMatch(reason);
    expect(outcome.message).toContain("require_native_tensors");
    expect(outcome.message).toContain("tensorflow_wheel_url");
  });

  it("takes no name or password in an address, and does not repeat them", async () => {
    const outcome = await install({ wheelUrl: `${origin.replace("//", "//ada:secret@")}/wheel.whl` });
    expect(outcome).toMatchObject({ ok: false, message: expect.stringContaining("has a name or password") });
    expect(outcome.message).not.toMatch(/ada|secret/);
    expect(asked).toEqual([]);
  });

  it("warns where it is not required, and leaves nothing half-made", async () => {
    const outcome = await install({ wheelUrl: `${origin}/nowhere`, isRequired: false });
    expect(outcome).toMatchObject({ ok: true, backend: "portable" });
    expect(outcome.message).toMatch(/^WARNING: this function will work on the portable backend.*403/);
    expect(existsSync(join(packageIn(root), "lib"))).toBe(false);
  });

  it("fails where the library does not work", async () => {
    const outcome = await install({
      wheelUrl: `${origin}/wheel.whl`,
      probe: async () => "the gradient is wrong",
    });
    expect(outcome).toEqual({
      ok: false,
      message: expect.stringContaining("does not work: the gradient is wrong"),
    });
    expect(existsSync(join(packageIn(root), "lib"))).toBe(false);
  });

  it("fails where the binding does not compile", async () => {
    await writeFile(join(packageIn(root), "binding", "tfjs_binding.cc"), "no C++");
    const outcome = await install({ wheelUrl: `${origin}/wheel.whl` });
    expect(outcome).toEqual({ ok: false, message: expect.stringContaining("g++ ended with exit code 1") });
  });

  it("fails on a platform that the library is not for, and without the package", async () => {
    const elsewhere = await install({ platform: "linux-arm64" });
    expect(elsewhere.message).toContain("for linux-x64, not for linux-arm64");
    await rm(packageIn(root), { recursive: true });
    expect((await install({})).message).toContain("@tensorflow/tfjs-node is not installed");
    expect(asked).toEqual([]);
  });
});

describe("fetchHeaders", () => {
  it.each(["registry", "registry/"])("takes the headers from the npm registry: %s", async (registry) => {
    const headers = pin("headers.tgz", tarball, "headers/-/headers.tgz");
    const folder = await fetchHeaders(headers, `${origin}/${registry}`, join(root, "headers"));
    expect(existsSync(join(folder, "node_api.h"))).toBe(true);
  });

  it("takes no others", async () => {
    const headers = pin("headers.tgz", tarball, "/wrong.whl");
    await expect(fetchHeaders(headers, origin, join(root, "headers"))).rejects.toThrow("is not headers.tgz");
  });
});

describe("unzip", () => {
  it("refuses what is not an archive, and a path that leads out", async () => {
    const path = join(root, "some.zip");
    await writeFile(path, "text");
    await expect(unzip(path, root, (name) => name)).rejects.toThrow("is not a zip archive");
    await writeFile(path, zipSync({ "a/../../b": strToU8("x") }));
    await expect(unzip(path, root, (name) => name)).rejects.toThrow("leads out of it");
  });

  it("writes empty files, and none for folders", async () => {
    const path = join(root, "some.zip");
    await writeFile(path, zipSync({ "folder/": new Uint8Array(), "folder/empty": new Uint8Array() }));
    await unzip(path, join(root, "out"), (name) => name);
    expect(await readFile(join(root, "out", "folder", "empty"), "utf8")).toBe("");
  });
});

describe("checkPinned", () => {
  it("knows a file by its bytes", async () => {
    const path = join(root, "kept.whl");
    await writeFile(path, wheel);
    await checkPinned(pin("wheel.whl", wheel), path);
    await expect(checkPinned(pin("wheel.whl", tarball), path)).rejects.toThrow("kept.whl is not wheel.whl");
  });
});

it("asks npm which registry it uses", async () => {
  process.env["npm_config_registry"] = "https://mirror.example.org/npm/";
  try {
    expect(await npmRegistry()).toBe("https://mirror.example.org/npm/");
  } finally {
    delete process.env["npm_config_registry"];
  }
});

function install(options: Partial<InstallOptions>) {
  return installNative({
    root,
    isRequired: true,
    wheel: pin("wheel.whl", wheel),
    headers: pin("headers.tgz", tarball),
    registry: async () => origin,
    probe,
    platform: "linux-x64",
    ...options,
  });
}

/** Loads the binding, which calls into the library, in a Node of its own. */
async function probe(): Promise<string> {
  const binding = join(packageIn(root), "lib", "napi-v8", "tfjs_binding.node");
  const printed = execFileSync(process.execPath, ["-p", `require(${JSON.stringify(binding)})`], {
    encoding: "utf8",
  });
  return printed.trim() === "42" ? "" : `it says ${printed}`;
}

function packageIn(folder: string): string {
  return join(folder, "node_modules", "@tensorflow", "tfjs-node");
}

function pin(name: string, bytes: Uint8Array, url = ""): PinnedFile {
  return { name, url, sizeBytes: bytes.byteLength, sha256: createHash("sha256").update(bytes).digest("hex") };
}

async function compiled(name: string, source: string): Promise<Uint8Array> {
  const path = join(scratch, "made", name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.cc`, source);
  execFileSync("g++", ["-shared", "-fPIC", `-Wl,-soname,${name}`, `${path}.cc`, "-o", path]);
  return await readFile(path);
}
