// What a stranger may send to a function that runs as deployed: a process of the real framework reads,
// inflates and parses none of it, answers with our JSON error, logs nothing of it and keeps within its
// memory.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { functionShapes } from "../../infra/box/deployment.ts";
import { startMetadata } from "../../infra/box/metadata/startMetadata.ts";
import { FUNCTION_NAMES } from "../../shared/core/protocol/tasks.ts";
import { completeEnvironment } from "../support/functionEnvironment.ts";

const framework = join(
  dirname(createRequire(import.meta.url).resolve("@google-cloud/functions-framework")),
  "main.js",
);
/** In every body; nowhere else. */
const MARK = "hunter2";
/**
 * What a process may take of its 512 MiB: started it has 130, and what is parsed of eighty bodies is 60 to
 * 190 more until it is collected. Seven inflated bodies would be 448 more.
 */
const MAX_RSS_MIB = 400;

const zeros = Buffer.alloc(64 * 2 ** 20, " ");
const bombs = {
  gzip: gzipSync(zeros),
  deflate: deflateSync(zeros),
  br: brotliCompressSync(zeros),
};
const json = "application/json";

interface Sent {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** By what they are; each once. */
const bodies: readonly [string, Sent][] = [
  ["malformed JSON", { headers: { "content-type": json }, body: `{"${MARK}` }],
  ["a bare word", { headers: { "content-type": json }, body: `${MARK}` }],
  ["Infinity", { headers: { "content-type": json }, body: "Infinity" }],
  ["null", { headers: { "content-type": json }, body: "null" }],
  ["a JSON string", { headers: { "content-type": json }, body: `"${MARK}"` }],
  ["a JSON list", { headers: { "content-type": json }, body: `["${MARK}"]` }],
  ["nothing, said to be JSON", { headers: { "content-type": json }, body: "" }],
  ["JSON of another charset", { headers: { "content-type": `${json}; charset=utf-7` }, body: `"${MARK}"` }],
  ["a broken cloud event", { headers: { "content-type": "application/cloudevents+json" }, body: `{${MARK}` }],
  [
    "a form",
    { headers: { "content-type": "application/x-www-form-urlencoded" }, body: `a[b][c]=${MARK}&%zz=%` },
  ],
  [
    "a form of ten thousand fields",
    {
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: `${MARK}&`.repeat(10_000),
    },
  ],
  [
    "parts without an end",
    { headers: { "content-type": "multipart/form-data; boundary=x" }, body: `--x\r\n${MARK}` },
  ],
  ["text of an unknown charset", { headers: { "content-type": "text/plain; charset=x-mad" }, body: MARK }],
  ["bytes without a type", { body: MARK }],
  ["what is said to be gzip", { headers: { "content-type": json, "content-encoding": "gzip" }, body: MARK }],
  ["what is said to be brotli", { headers: { "content-type": json, "content-encoding": "br" }, body: MARK }],
  ["an unknown encoding", { headers: { "content-type": json, "content-encoding": MARK }, body: "{}" }],
  ["a malformed path", { path: `/%zz${MARK}`, headers: { "content-type": json }, body: "{}" }],
  ["a malformed path of a run", { method: "GET", path: `/v1/runs/%c0%af${MARK}` }],
  ["an icon", { method: "GET", path: "/favicon.ico" }],
  ["a target that is not a path", { method: "OPTIONS", path: "*" }],
];

/** By what they are; eighty at once, or three of the large ones. */
const floods: readonly [string, number, Sent][] = [
  ...Object.entries(bombs).map(([encoding, body]): [string, number, Sent] => [
    `64 MiB in ${body.byteLength} bytes of ${encoding}`,
    80,
    { headers: { "content-type": json, "content-encoding": encoding }, body },
  ]),
  ["31 MB of lists", 3, { headers: { "content-type": json }, body: `[${"[],".repeat(10_000_000)}[]]` }],
  [
    "a stream of 31 MB",
    3,
    { headers: { "content-type": json, "transfer-encoding": "chunked" }, body: "[".repeat(31_000_000) },
  ],
  ["64 KiB of lists", 80, { headers: { "content-type": json }, body: `[${"[],".repeat(21_000)}[]]` }],
];

let metadata: Awaited<ReturnType<typeof startMetadata>>;
beforeAll(async () => {
  metadata = await startMetadata({ projectId: "demo-bodies" });
});
afterAll(() => metadata.stop());

describe.each(FUNCTION_NAMES)("the %s", (name) => {
  let folder: string;
  let child: ChildProcess;
  let log = "";
  let stranger: string;
  const audience = `https://${name}.invalid`;

  beforeAll(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), "bodies-")));
    const source = resolve(import.meta.dirname, `../../functions/${name}/index.ts`);
    await writeFile(join(folder, "package.json"), '{"type":"module","main":"index.js"}');
    await writeFile(join(folder, "index.js"), `import ${JSON.stringify(source)};`);
    const heapMib = Math.floor(Math.min(512, functionShapes[name].memoryMib) * 0.75);
    const flags = [`--max-old-space-size=${heapMib}`, framework, `--target=${name}`, `--source=${folder}`];
    child = spawn(process.execPath, [...flags, `--port=${join(folder, "s")}`], {
      env: { PATH: process.env["PATH"], ...completeEnvironment, OIDC_CERTS_URL: metadata.certsUrl },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (part) => (log += part));
    stranger = await metadata.mintIdToken({ email: "stranger@example.org", audience });
    const isUp = () =>
      ask({ method: "GET", path: "/" }).then(
        () => true,
        () => false,
      );
    await vi.waitUntil(isUp, { timeout: 55_000, interval: 50 });
  }, 60_000);
  afterAll(async () => {
    child.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  });

  const ask = ({ method = "POST", path, headers = {}, body }: Sent, token?: string) =>
    new Promise<{ status: number | undefined; type: string | undefined; text: string }>((done, fail) => {
      const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const sent = request(
        {
          socketPath: join(folder, "s"),
          method,
          path: path ?? (name === "coordinator" ? "/claim" : name === "api" ? "/v1/runs" : "/"),
          headers: { ...headers, ...authorization },
          agent: false,
        },
        (response) => {
          let text = "";
          response.on("data", (part) => (text += part));
          response.on("end", () =>
            done({ status: response.statusCode, type: response.headers["content-type"], text }),
          );
        },
      );
      sent.on("error", fail).end(body);
    });

  const expectOurs = (what: string, { status, type, text }: Awaited<ReturnType<typeof ask>>) => {
    expect(status, what).toBeGreaterThanOrEqual(400);
    expect(status, what).toBeLessThan(500);
    expect(type, what).toMatch(/^application\/json/);
    expect(JSON.parse(text), what).toMatchObject({
      error: { code: expect.any(String), message: expect.any(String) },
    });
    expect(text, what).not.toContain(MARK);
  };

  it("answers whatever body with our error, to anybody and to those who may call, and logs nothing of it", async () => {
    const from = log.length;
    for (const [what, sent] of bodies) {
      expectOurs(what, await ask(sent));
      // Everybody with a Google account may call the coordinator; the others refuse this one.
      expectOurs(`${what}, with a token`, await ask(sent, stranger));
    }
    expect(log.slice(from)).not.toContain(MARK);
    expect(log.slice(from)).not.toMatch(/node_modules|SyntaxError/);
  }, 30_000);

  it("stays within its memory under eighty bombs at a time", async () => {
    for (const [what, count, sent] of floods) {
      for (const token of count < 80 ? [undefined] : [undefined, stranger]) {
        const answers = await Promise.all(Array.from({ length: count }, () => ask(sent, token)));
        for (const answer of answers) expectOurs(what, answer);
      }
    }
    expect(child.exitCode).toBeNull();
    if (process.platform === "linux") expect(await peakRssMib(child)).toBeLessThan(MAX_RSS_MIB);
  }, 60_000);
});

async function peakRssMib({ pid }: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_024;
}
