// SIGTERM, as Cloud Run sends it: what is being answered is answered, then the process is gone.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, it } from "vitest";

const framework = join(
  dirname(createRequire(import.meta.url).resolve("@google-cloud/functions-framework")),
  "main.js",
);
const serve = resolve(import.meta.dirname, "../../shared/http/serve.ts");
/** Answers `/slow` after a while, everything else at once. */
const source = `import { serve } from ${JSON.stringify(serve)};
serve("drained", async () => async ({ path }) => {
  process.stdout.write("serving " + path + "\\n");
  if (path === "/slow") await new Promise((done) => setTimeout(done, 700));
  return { status: 200, body: { path } };
});`;

let folder: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "drain-")));
  await writeFile(join(folder, "package.json"), '{"type":"module","main":"index.js"}');
  await writeFile(join(folder, "index.js"), source);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it("answers every request that it has, then ends with 0", async () => {
  const socketPath = join(folder, "s");
  const args = [framework, "--target=drained", `--source=${folder}`, `--port=${socketPath}`];
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env["PATH"] },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  try {
    const serving = new Promise<void>((done) => {
      let seen = "";
      child.stdout.on("data", (part) => {
        seen += part;
        if (seen.split("serving /slow").length > 2) done();
      });
    });
    await untilAnswered(socketPath);
    const answers = [get(socketPath, "/slow"), get(socketPath, "/slow")];
    await serving;
    child.kill("SIGTERM");
    expect(await Promise.all(answers)).toEqual([
      { status: 200, body: '{"path":"/slow"}' },
      { status: 200, body: '{"path":"/slow"}' },
    ]);
    expect(await exited).toEqual([0, null]);
  } finally {
    child.kill("SIGKILL");
  }
});

async function untilAnswered(socketPath: string): Promise<void> {
  for (;;) {
    try {
      await get(socketPath, "/");
      return;
    } catch {
      // Not listening yet; the test's own time limit bounds this.
      await new Promise((done) => setTimeout(done, 20));
    }
  }
}

function get(socketPath: string, path: string): Promise<{ status: number | undefined; body: string }> {
  return new Promise((done, fail) => {
    const sent = request({ socketPath, path, agent: false }, (response) => {
      text(response).then((body) => done({ status: response.statusCode, body }), fail);
    });
    sent.on("error", fail).end();
  });
}
