// The bundles are what is deployed: each starts under the functions framework with nothing but the packages
// it declares.
import { spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Bundle, bundleFunctions } from "../../infra/bundle/bundleFunctions.ts";
import { FUNCTION_NAMES, type FunctionName } from "../../shared/core/protocol/tasks.ts";
import { completeEnvironment } from "../support/functionEnvironment.ts";
import { linkPackages } from "../support/linkPackages.ts";

const root = resolve(import.meta.dirname, "../..");
const framework = join(
  dirname(createRequire(import.meta.url).resolve("@google-cloud/functions-framework")),
  "main.js",
);

let scratch: string;
let bundles: Readonly<Record<FunctionName, Bundle>>;

beforeAll(async () => {
  scratch = await realpath(await mkdtemp(join(tmpdir(), "bundle-")));
  bundles = await bundleFunctions({ outDir: join(scratch, "functions") });
  for (const name of FUNCTION_NAMES) await linkPackages(bundles[name]);
});

afterAll(() => rm(scratch, { recursive: true, force: true }));

describe.each(FUNCTION_NAMES)("the bundle of %s", (name) => {
  const trains = name === "client" || name === "evaluator";
  /** Whether it asks the database. */
  const asks = name !== "client";

  it("starts, loads everything with its first request and asks who is calling", async () => {
    const answer = await askOnce(name, completeEnvironment);
    expect(answer).toMatchObject({ status: 401 });
    expect(answer.body).toContain("The request has no ID token");
  });

  it("names the variables that are missing in its log only", async () => {
    const { COORDINATOR_URL: _, ...incomplete } = completeEnvironment;
    const answer = await askOnce(name, incomplete);
    expect(answer.status).toBe(500);
    expect(JSON.parse(answer.body)).toMatchObject({ error: { code: "internal" } });
    expect(answer.body).not.toContain("COORDINATOR_URL");
    expect(answer.log).toMatch(/environment is not complete: COORDINATOR_URL [^;]*?\.\\n/);
  });

  it("has in it what the functions import and what that imports, and nothing of another's", async () => {
    const content = Object.values(await contentOf(join(bundles[name].dir))).join("\n");
    const found = content.matchAll(/^\/\/ node_modules\/((?:@[^/]+\/)?[^/]+)/gm);
    const inIt = new Set([...found].map(([, one]) => one));
    const has = (one: string) => inIt.has(one);
    expect(["is-network-error", "jose", "p-retry", "zod"].every(has)).toBe(true);
    expect(["@tensorflow/tfjs-core", "@tensorflow/tfjs-layers"].map(has)).toEqual([trains, trains]);
    expect(["@google-cloud/firestore", "@grpc/grpc-js", "google-gax"].map(has)).toEqual([asks, asks, asks]);
    expect(inIt).not.toContain("@google-cloud/functions-framework");
  });

  it("has no message classes of Google's, which no function uses", async () => {
    const content = Object.values(await contentOf(join(bundles[name].dir))).join("\n");
    expect(content).not.toMatch(/^ +(?:Document|QueueStats|SetIamPolicyRequest)\.verify = function/m);
    expect(content.includes("This bundle leaves out message classes")).toBe(asks);
  });

  it("has source maps of our own code alone", async () => {
    const content = await contentOf(join(bundles[name].dir));
    const maps = Object.keys(content).filter((path) => path.endsWith(".map"));
    expect(maps.length).toBeGreaterThan(0);
    for (const path of maps) expect(content[path], path).toMatch(/"(?:\.\.\/)*(?:shared|functions)\//);
    for (const [path, text] of Object.entries(content)) {
      if (text.includes("//# sourceMappingURL=") && path.endsWith(".mjs"))
        expect(maps).toContain(`${path}.map`);
    }
  });

  it("has of them what is used: zod by its namespace, without its messages in every language", async () => {
    const content = Object.values(await contentOf(join(bundles[name].dir))).join("\n");
    const languages = content.matchAll(/^\/\/ node_modules\/zod\/v4\/locales\/(\S+)\.js$/gm);
    expect([...languages].map(([, language]) => language)).toEqual(["en"]);
  });

  it("declares the packages of the lockfile and nothing else", async () => {
    const declared: unknown = JSON.parse(await readFile(join(bundles[name].dir, "package.json"), "utf8"));
    expect(declared).toMatchObject({ name: `fedstratus-${name}`, type: "module", main: "index.mjs" });
    expect(declared).toMatchObject({ dependencies: bundles[name].packages });
  });
});

describe.each<FunctionName>(["client", "evaluator"])("the %s without native TensorFlow", (name) => {
  it("ends at its start where it needs it, and says what to do", async () => {
    const link = join(bundles[name].dir, "node_modules", "@tensorflow", "tfjs-node");
    await rm(link);
    await mkdir(link);
    await writeFile(join(link, "package.json"), "{}");
    try {
      const started = askOnce(name, { ...completeEnvironment, REQUIRE_NATIVE_TENSORS: "true" });
      await expect(started).rejects.toThrow(
        /"code":"failed-precondition".*needs native TensorFlow .*its binding was not built.*require_native_tensors to false.*"message":"needs a person"/,
      );
      const answer = await askOnce(name, { ...completeEnvironment, REQUIRE_NATIVE_TENSORS: "false" });
      expect(answer.status).toBe(401);
    } finally {
      await rm(link, { recursive: true });
      await symlink(join(root, "node_modules", "@tensorflow", "tfjs-node"), link);
    }
  });
});

describe("bundling", () => {
  it("gives the same bytes wherever it writes, and removes what is left over", async () => {
    const outDir = join(scratch, "again");
    const stale = join(outDir, "api", "chunks", "stale.mjs");
    await mkdir(dirname(stale), { recursive: true });
    await writeFile(stale, "");
    await bundleFunctions({ outDir });
    for (const name of FUNCTION_NAMES) {
      await rm(join(bundles[name].dir, "node_modules"), { recursive: true });
      expect(await contentOf(join(outDir, name))).toEqual(await contentOf(bundles[name].dir));
      await linkPackages(bundles[name]);
    }
  });

  it("names no folder of this machine", async () => {
    for (const name of FUNCTION_NAMES) {
      for (const [path, content] of Object.entries(await contentOf(bundles[name].dir))) {
        expect(content.includes(root), path).toBe(false);
      }
    }
  });

  it("writes nothing when a function breaks a rule", async () => {
    const broken = join(scratch, "broken");
    await cp(join(root, "package-lock.json"), join(broken, "package-lock.json"));
    for (const name of FUNCTION_NAMES) await fixture(broken, name, 'import "node:fs";');
    await fixture(broken, "client", 'await import("google-auth-library");');
    await fixture(broken, "api", 'import "@grpc/grpc-js"; export { decodeJwt } from "jose";');
    await symlink(join(root, "node_modules"), join(broken, "node_modules"));
    await expect(bundleFunctions({ root: broken })).rejects.toThrow(
      /^api: loads @grpc\/grpc-js at its start.*\napi: loads jose at its start.*\nclient: imports google-auth-library,[^\n]*$/,
    );
    await expect(readdir(join(broken, "dist"))).rejects.toThrow("ENOENT");
  });

  it("refuses a package that the lockfile does not have", async () => {
    const broken = join(scratch, "unlocked");
    await cp(join(root, "package-lock.json"), join(broken, "package-lock.json"));
    for (const name of FUNCTION_NAMES) await fixture(broken, name, 'await import("no-such-package");');
    await expect(bundleFunctions({ root: broken })).rejects.toThrow("no-such-package is imported but not in");
  });
});

async function fixture(folder: string, name: FunctionName, code: string): Promise<void> {
  await mkdir(join(folder, "functions", name), { recursive: true });
  await writeFile(join(folder, "functions", name, "index.ts"), code);
}

async function contentOf(folder: string): Promise<Readonly<Record<string, string>>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("node_modules"))
    .map(({ parentPath, name }) => join(parentPath, name));
  const contents = await Promise.all(paths.map((path) => readFile(path, "utf8")));
  return Object.fromEntries(paths.map((path, index) => [path.slice(folder.length), contents[index] ?? ""]));
}

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
}

interface LoggedAnswer extends Answer {
  /** Everything that the process wrote. */
  readonly log: string;
}

/** Starts the function on a socket of its own, sends one request without a token, and stops it. */
async function askOnce(name: FunctionName, env: Readonly<Record<string, string>>): Promise<LoggedAnswer> {
  const socketPath = join(scratch, `${name}.sock`);
  const args = [framework, `--target=${name}`, `--source=${bundles[name].dir}`, `--port=${socketPath}`];
  const { PATH } = process.env;
  const child = spawn(process.execPath, args, { env: { PATH, ...env }, stdio: "pipe" });
  const output: string[] = [];
  child.stdout.setEncoding("utf8").on("data", (part: string) => output.push(part));
  child.stderr.setEncoding("utf8").on("data", (part: string) => output.push(part));
  const closed = new Promise<void>((done) => child.once("close", () => done()));
  const stop = async () => {
    child.kill("SIGKILL");
    await closed;
    await rm(socketPath, { force: true });
  };
  try {
    for (;;) {
      try {
        const answer = await post(socketPath);
        await stop();
        return { ...answer, log: output.join("") };
      } catch (error) {
        // Until it listens. The test's own time limit bounds this.
        if (child.exitCode !== null) throw new Error(output.join(""), { cause: error });
        await new Promise((done) => setTimeout(done, 20));
      }
    }
  } finally {
    await stop();
  }
}

function post(socketPath: string): Promise<Answer> {
  return new Promise((done, fail) => {
    const sent = request({ socketPath, method: "POST", path: "/", agent: false }, (response) => {
      text(response).then((body) => done({ status: response.statusCode, body }), fail);
    });
    sent.on("error", fail).end();
  });
}
