// Chromium without a window, for the tests that hold what we write to a browser, where there is one.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

export interface Chromium {
  /** The program; null where there is none. */
  readonly path: string | null;
  /** Why there is none, for a suite's title; empty where there is one. */
  readonly reason: string;
}

/** FEDSTRATUS_CHROMIUM names one that is not on the PATH. */
const CANDIDATES = [
  process.env["FEDSTRATUS_CHROMIUM"],
  "chromium",
  "chromium-browser",
  "google-chrome",
  "google-chrome-stable",
];

export function findChromium(): Chromium {
  const found = CANDIDATES.filter((name) => name !== undefined).find(
    (name) => spawnSync(name, ["--version"], { stdio: "ignore", timeout: 30_000 }).status === 0,
  );
  if (found !== undefined) return { path: found, reason: "" };
  return { path: null, reason: " (skipped: there is no Chromium here; FEDSTRATUS_CHROMIUM names one)" };
}

/**
 * Opens `/` of these files in a Chromium of its own, on this machine alone, and resolves with the text that
 * the page posts to `/done`. Chromium and its folder are gone afterwards.
 *
 * @param files by their paths, such as `/model.json`
 * @throws Error with what Chromium wrote, where it ends or takes longer than `timeoutMs`
 */
export async function postedByPage(
  path: string,
  files: ReadonlyMap<string, Uint8Array | string>,
  timeoutMs: number,
): Promise<string> {
  let posted: (request: IncomingMessage) => void = () => undefined;
  const done = new Promise<IncomingMessage>((resolve) => {
    posted = resolve;
  });
  const server = createServer((request, response) => {
    const file = files.get(request.url ?? "");
    if (request.method === "POST" && request.url === "/done") {
      posted(request);
      request.once("end", () => response.end());
      return;
    }
    response.statusCode = file === undefined ? 404 : 200;
    response.setHeader("content-type", typeOf(request.url ?? ""));
    response.end(file);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const profile = await mkdtemp(join(tmpdir(), "chromium-"));
  const { port } = server.address() as AddressInfo;
  const browser = open(path, profile, `http://127.0.0.1:${port}/`);
  const late = new AbortController();
  try {
    const request = await Promise.race([done, ended(browser, timeoutMs, late.signal)]);
    return await text(request);
  } finally {
    late.abort();
    await stop(browser.child);
    server.closeAllConnections();
    server.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

interface Browser {
  readonly child: ChildProcess;
  written(): string;
}

function open(path: string, profile: string, address: string): Browser {
  const options = [
    "--headless=new",
    "--no-sandbox", // It loads nothing but our own files, and may run as root in a container.
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    `--user-data-dir=${profile}`,
  ];
  // A group of its own, so that its helpers end with it.
  const child = spawn(path, [...options, address], { detached: true, stdio: ["ignore", "ignore", "pipe"] });
  let output = "";
  child.stderr?.on("data", (part) => {
    output = `${output}${part}`.slice(-2_000);
  });
  return { child, written: () => output };
}

async function ended({ child, written }: Browser, timeoutMs: number, signal: AbortSignal): Promise<never> {
  const exited = once(child, "exit", { signal }).then(() => "ended");
  const late = new Promise<string>((resolve) => {
    const timer = setTimeout(resolve, timeoutMs, `took longer than ${timeoutMs} ms`);
    signal.addEventListener("abort", () => clearTimeout(timer));
  });
  throw new Error(`Chromium ${await Promise.race([exited, late])}: ${written()}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = once(child, "exit");
  process.kill(-child.pid, "SIGKILL");
  await exited;
}

function typeOf(path: string): string {
  if (path === "/") return "text/html; charset=utf-8";
  if (path.endsWith(".js")) return "text/javascript; charset=utf-8";
  return path.endsWith(".json") ? "application/json" : "application/octet-stream";
}
