// Loaded into every function's process: notes each point of the protocol that is reached, and strikes where
// it is asked to.
import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe } from "node:diagnostics_channel";
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import type { CallFailure, Fault } from "./faults.ts";

interface Served {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly chunks: Buffer[];
}

/** Longer than the local cloud lets a transaction be idle in these tests. */
const FREEZE_MS = 1_500;
const AGAIN_AFTER_MS = 1_500;
const DESK_PATIENCE_MS = 20_000;

const dir = process.env["DISTURB_DIR"] ?? "";
const served = new AsyncLocalStorage<Served>();
const clock = new Int32Array(new SharedArrayBuffer(4));
let strikes = 0;

const emit = http.Server.prototype.emit;
http.Server.prototype.emit = function (this: http.Server, event: string | symbol, ...given: unknown[]) {
  const emitted = () => Reflect.apply(emit, this, [event, ...given]) as boolean;
  if (event !== "request") return emitted();
  const [request, response] = given as [IncomingMessage, ServerResponse];
  const chunks: Buffer[] = [];
  const emitOfRequest = request.emit;
  request.emit = (name: string | symbol, ...values: unknown[]) => {
    if (name === "data" && values[0] instanceof Buffer) chunks.push(values[0]);
    return Reflect.apply(emitOfRequest, request, [name, ...values]) as boolean;
  };
  return served.run({ request, response, chunks }, emitted);
};

subscribe("fedstratus:step", (message) => {
  const { step, moment } = message as { step: string; moment: string };
  // Which run or client a path names makes no difference.
  const kind = step
    .replace(/\/v1\/(runs|clients)\/[^/]+/, "/v1/$1/*")
    .replace(/\/rounds\/\d+/, "/rounds/*")
    .replace(/\/models\/[^/]+/, "/models/*");
  const point = `${process.env["FUNCTION_TARGET"]} ${moment} ${kind}`;
  appendFileSync(join(dir, "reached"), `${point}\n`);
  const fault = take(point);
  if (fault === undefined) return;
  // A throw would end the process unseen: the tests look here.
  try {
    strike(point, fault);
  } catch (error) {
    appendFileSync(join(dir, "trouble"), `${point} ${JSON.stringify(fault)}: ${error}\n`);
  }
});

/** The next fault that is meant for this point; one process gets it. */
function take(point: string): Fault | undefined {
  const armed = join(dir, encodeURIComponent(point));
  const mine = `${armed}~${process.pid}`;
  try {
    renameSync(armed, mine);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  const [fault, ...others] = JSON.parse(readFileSync(mine, "utf8")) as Fault[];
  appendFileSync(join(dir, "struck"), `${point} ${JSON.stringify(fault)}\n`);
  writeFileSync(mine, JSON.stringify(others));
  renameSync(mine, others.length > 0 ? armed : `${armed}~done`);
  return fault;
}

function strike(point: string, fault: Fault): void {
  if (fault === "kill") process.kill(process.pid, "SIGKILL");
  else if (fault === "freeze") Atomics.wait(clock, 0, 0, FREEZE_MS);
  else if (fault === "twice") deliverAgain(current());
  else if (fault === "again") setTimeout(deliverAgain, AGAIN_AFTER_MS, current());
  else if (fault === "lost") current().response.destroy();
  else failNextCall(point, fault);
}

function current(): Served {
  const context = served.getStore();
  if (context === undefined) throw new Error("Which request led here is not known.");
  return context;
}

function deliverAgain({ request, chunks }: Served): void {
  const { method, url, headers } = request;
  http
    .request({ host: "127.0.0.1", port: process.env["PORT"], method, path: url, headers }, (response) => {
      response.resume();
    })
    .on("error", () => undefined) // A duplicate's answer is not looked at.
    .end(Buffer.concat(chunks));
}

/**
 * Asks the desk, which has the local cloud, for a fault of the call that follows, and waits until it is
 * there.
 */
function failNextCall(point: string, failure: CallFailure): void {
  const { request, chunks } = current();
  const body = /"runId":"([^"]+)"/.exec(Buffer.concat(chunks).toString())?.[1];
  // The calls of a check are about documents of no run, also where it names one.
  const isCheck = /^\/v1\/clients\/[^/]+\/check$/.test(request.url ?? "");
  const runId = isCheck ? undefined : (body ?? /^\/v1\/runs\/([^/]+)/.exec(request.url ?? "")?.[1]);
  const name = `${encodeURIComponent(point)}~${process.pid}-${strikes++}`;
  writeFileSync(join(dir, `${name}.new`), JSON.stringify({ point, failure, runId }));
  renameSync(join(dir, `${name}.new`), join(dir, `${name}.ask`));
  const untilMs = Date.now() + DESK_PATIENCE_MS;
  while (!existsSync(join(dir, `${name}.go`))) {
    if (Date.now() > untilMs) throw new Error("The desk did not answer.");
    Atomics.wait(clock, 0, 0, 2);
  }
}
