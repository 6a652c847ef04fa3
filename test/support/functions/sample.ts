// A function for the runtime's tests: its path says what it does, and it says which instance served.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { http, type Request, type Response } from "@google-cloud/functions-framework";

const loadedAtMs = Date.now();
let served = 0;
let running = 0;
let mostRunning = 0;
const held: Buffer[] = [];

/** By path; the number in the query (`?200`) is what it works with. */
const actions: Readonly<Record<string, (request: Request, response: Response, amount: number) => unknown>> = {
  "/": (_, response) => response.json(self()),
  "/wait": async (_, response, ms) => {
    await sleep(ms);
    response.json(self());
  },
  // Works until it has had that many milliseconds of processor time, however long that takes.
  "/busy": (_, response, ms) => {
    const startMs = performance.now();
    const usedMs = () => (process.cpuUsage().user + process.cpuUsage().system) / 1_000;
    const untilMs = usedMs() + ms;
    while (usedMs() < untilMs) Math.random();
    response.json({ ...self(), wallMs: performance.now() - startMs });
  },
  "/echo": (request, response) => {
    const body = request.rawBody ?? Buffer.alloc(0);
    const sha256 = createHash("sha256").update(body).digest("hex");
    response
      .setHeader("set-cookie", ["a=1", "b=2"])
      .setHeader("connection", "x-private")
      .setHeader("x-private", "1");
    response.status(201).json({
      method: request.method,
      url: request.url,
      headers: request.headers,
      bytes: body.length,
      sha256,
    });
  },
  "/env": (_, response) =>
    response.json({ env: process.env, execArgv: process.execArgv, cwd: process.cwd() }),
  "/stream": async (_, response, parts) => {
    response.setHeader("content-type", "text/plain").flushHeaders();
    for (let part = 0; part < parts; part++) {
      response.write(`part ${part}\n`);
      await sleep(100);
    }
    response.end();
  },
  // Holds that many MiB beside what it holds already.
  "/hold": async (_, response, mib) => {
    held.push(Buffer.alloc(mib * 2 ** 20, 1));
    await sleep(300);
    response.json(self());
  },
  "/bytes": (_, response, bytes) => response.send(Buffer.alloc(bytes)),
  "/half": async (_, response) => {
    response.writeHead(200, { "content-length": 100 }).write("half");
    await sleep(50);
    process.exit(3);
  },
  "/exit": (_, __, code) => process.exit(code),
  "/throw": () => {
    throw new Error("thrown by the sample");
  },
  "/deaf": (_, response) => {
    process.removeAllListeners("SIGTERM");
    process.on("SIGTERM", () => process.stdout.write("SIGTERM ignored\n"));
    response.json(self());
  },
  "/child": (_, response) => {
    const child = spawn("sleep", ["60"], { stdio: "ignore" });
    response.json({ ...self(), child: child.pid });
  },
  "/log": (_, response) => {
    process.stdout.write("to stdout\n");
    process.stderr.write("to stderr\n");
    response.json(self());
  },
};

function self() {
  return { pid: process.pid, served, mostRunning, loadedAtMs };
}

http("sample", async (request, response) => {
  served++;
  running++;
  mostRunning = Math.max(mostRunning, running);
  response.once("close", () => running--);
  const { pathname, search } = new URL(request.url, "http://sample");
  const action = actions[pathname];
  if (action === undefined) response.status(404).send("no such action");
  else await action(request, response, Number(search.slice(1)));
});
