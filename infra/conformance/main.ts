// `npm run conformance`: holds a client of any language to the client protocol, by being its coordinator, its
// storage and its queue.
import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Command, InvalidArgumentError } from "commander";
import { FlError } from "../../shared/core/errors.ts";
import { howToUse, runCommandLine } from "../cli/commandLine.ts";
import { interruption } from "../cli/interruption.ts";
import { paletteOf } from "../cli/view/palette.ts";
import { cases, type Result, testClient } from "./conformance.ts";

interface Options {
  readonly clientUrl: string;
  readonly port: number;
  readonly spec?: string;
  readonly weights?: string;
  readonly only?: readonly string[];
  readonly platformChecks: boolean;
  readonly wait: number;
  readonly json: boolean;
}

function portNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= 65_531) return value;
  throw new InvalidArgumentError("It must be 0 or a port up to 65531.");
}

function seconds(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("It must be a number of seconds above 0.");
}

function loopbackUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol === "http:" && url.port !== "") return text;
  throw new InvalidArgumentError("It must be an http address with a port, such as http://127.0.0.1:8080.");
}

/** Of the column with the names of cases. */
const nameWidth = Math.max(...cases.map(({ name }) => name.length));

const program = new Command("npm run conformance --")
  .showHelpAfterError(howToUse("npm run conformance --"))
  .description("Hold a client to the client protocol: docs/client-protocol.md.")
  .option("--client-url <url>", "where the client listens", loopbackUrl, "http://127.0.0.1:8080")
  .option("--port <n>", "first of the five ports that the client talks to; 0: free ones", portNumber, 8790)
  .option(
    "--spec <file>",
    "the spec of the run that the client is to train; a softmax of 4 numbers if left out",
  )
  .option("--weights <file>", "initial values, a safetensors file; drawn from the seed if left out")
  .option("--only <names>", "play these cases alone, with commas between", (text) => text.split(","))
  .option("--platform-checks", "the platform, not the client, checks who calls it", false)
  .option("--wait <seconds>", "how long to wait for the client to listen", seconds, 120)
  .option("--json", "write one JSON document to the standard output", false)
  .argument("[command...]", "starts the client, in an environment that tells it where everything is");

await runCommandLine(async () => {
  program.parse();
  process.exitCode = await conform(program.opts<Options>(), program.args);
});

async function conform(options: Options, command: readonly string[]): Promise<number> {
  const out = options.json ? process.stderr : process.stdout;
  const say = (line: string) => void out.write(`${line}\n`);
  const stop = interruption();
  let child: ChildProcess | undefined;
  stop.signal.addEventListener("abort", () => {
    child?.kill();
    process.exit(stop.exitCode());
  });
  try {
    const results = await testClient({
      clientUrl: options.clientUrl,
      port: options.port,
      spec: options.spec === undefined ? undefined : JSON.parse(await readFile(options.spec, "utf8")),
      weights: options.weights === undefined ? undefined : await readFile(options.weights),
      only: options.only,
      platformChecks: options.platformChecks,
      onReady: async (env) => {
        if (command.length > 0) child = start(command, { ...env, PORT: new URL(options.clientUrl).port });
        else say(`Start the client in this environment:\n\n${exports(env)}\n`);
        await listening(options.clientUrl, options.wait * 1_000, () => child?.exitCode ?? null);
      },
      onResult: (result) => say(lineOf(result, out.isTTY && process.env["NO_COLOR"] === undefined)),
    });
    const count = (verdict: Result["verdict"]) =>
      results.filter((result) => result.verdict === verdict).length;
    say(`\n${count("pass")} passed, ${count("fail")} failed, ${count("skip")} left out.`);
    if (options.json) process.stdout.write(`${JSON.stringify({ results }, null, 2)}\n`);
    return count("fail") > 0 ? 1 : 0;
  } finally {
    child?.kill();
    stop.dispose();
  }
}

function start([file = "", ...args]: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
  // Its own words go beside the results, not between them.
  return spawn(file, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", process.stderr, process.stderr],
  });
}

/** @throws FlError("unavailable") where nothing listens there in time, or the process has ended. */
async function listening(address: string, patienceMs: number, exitCode: () => number | null): Promise<void> {
  const { hostname, port } = new URL(address);
  for (const untilMs = Date.now() + patienceMs; ; await sleep(100)) {
    if (await isOpen(hostname, Number(port))) return;
    const code = exitCode();
    if (code !== null) throw new FlError("unavailable", `The client's process has ended with ${code}.`);
    if (Date.now() > untilMs) throw new FlError("unavailable", `Nothing listens at ${address}.`);
  }
}

function isOpen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}

function lineOf({ name, title, verdict, why }: Result, color: boolean): string {
  const { good, bad, faint } = paletteOf(color);
  const sign = { pass: good("pass"), fail: bad("FAIL"), skip: faint("skip") }[verdict];
  const details = why.slice(0, 10).map((line) => `\n${" ".repeat(nameWidth + 8)}${faint(line)}`);
  return `${sign}  ${name.padEnd(nameWidth)}  ${title}${details.join("")}`;
}

function exports(env: Readonly<Record<string, string>>): string {
  return Object.entries(env)
    .map(([name, value]) => `export ${name}=${value}`)
    .join("\n");
}
