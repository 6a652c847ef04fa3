// Python 3.9 or later with NumPy, where this machine has it: what examples/python-client needs.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PROBE = "import sys, numpy; assert sys.version_info >= (3, 9), sys.version; print(numpy.__version__)";

export const pythonClient: string = fileURLToPath(new URL("../../examples/python-client/", import.meta.url));

/** Why there is none; undefined where there is. */
export const pythonMissing: string | undefined = whyMissing();

function whyMissing(): string | undefined {
  const { error, status, stderr } = spawnSync("python3", ["-c", PROBE], { encoding: "utf8" });
  if (error !== undefined) return "there is no python3 here";
  if (status === 0) return undefined;
  const last = stderr.trim().split("\n").at(-1) ?? "";
  return `python3 has no NumPy, or is older than 3.9 (${last.slice(0, 100)})`;
}

export interface PythonProcess {
  /** What it has written. */
  output(): string;
  stop(): Promise<void>;
}

/** The client of the example as a process that listens at the port of `env`'s CLIENT_URL. */
export async function startPythonClient(env: Readonly<Record<string, string>>): Promise<PythonProcess> {
  const { hostname, port } = new URL(env["CLIENT_URL"] ?? "");
  const child: ChildProcess = spawn("python3", [join(pythonClient, "main.py")], {
    env: { ...process.env, ...env, HOST: hostname, PORT: port, PYTHONDONTWRITEBYTECODE: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (part) => (output += part));
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const stop = async () => {
    child.kill("SIGKILL");
    await exited;
  };
  for (const untilMs = Date.now() + 30_000; !(await isOpen(hostname, Number(port))); ) {
    if (child.exitCode !== null || Date.now() > untilMs) {
      await stop();
      throw new Error(`The Python client does not listen: ${output}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { output: () => output, stop };
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
