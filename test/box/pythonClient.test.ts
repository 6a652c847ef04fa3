// The example of examples/python-client as its README says it: two Python clients and a run of parameters
// alone on the local cloud that `npm run box` starts. Where Python has NumPy, and the commands' programs are
// there.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freePort } from "../../infra/box/firestore/freePort.ts";
import { Run } from "../../shared/core/schemas/run.ts";
import { readGuide } from "../support/guides.ts";
import { pythonClient, pythonMissing } from "../support/python.ts";
import { eventually } from "../support/scriptedClient.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const programs = ["bash", "curl", "jq"].filter((name) => spawnSync(name, ["--version"]).error !== undefined);
const missing = [
  ...programs.map((name) => `there is no ${name} here`),
  ...(pythonMissing ? [pythonMissing] : []),
];
const reason = missing.length === 0 ? "" : ` (skipped: ${missing.join(", ")})`;

const page = readGuide("examples/python-client/README.md");
const commandsOf = (mark: string) =>
  new RegExp(`<!-- ${mark} -->\n\`\`\`sh\n([^\`]+)\`\`\``).exec(page)?.[1] ?? "";

describe.skipIf(missing.length > 0)(`the Python client's example${reason}`, () => {
  let folder = "";
  let box: ChildProcess | undefined;
  let shell: ChildProcess | undefined;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "python example-"));
    cpSync(pythonClient, folder, { recursive: true });
  });
  afterEach(async () => {
    // The clients are its children.
    if (shell?.pid !== undefined) process.kill(-shell.pid, "SIGKILL");
    if (box !== undefined && box.exitCode === null) {
      box.kill("SIGINT");
      await once(box, "exit");
    }
    rmSync(folder, { recursive: true });
  });

  function bash(commands: string, env: Readonly<Record<string, string>>, log: string): ChildProcess {
    const file = openSync(join(folder, log), "w");
    return spawn("bash", ["-euc", commands], {
      cwd: folder,
      detached: true,
      env: { ...process.env, ...env, PYTHONDONTWRITEBYTECODE: "1" },
      stdio: ["ignore", file, file],
    });
  }

  test("trains to the end, and knows the classes of both clients", async () => {
    const started = spawn(process.execPath, ["infra/cli/main.ts", "box", "--firestore", "embedded"], {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
    });
    box = started;
    let output = "";
    for (const stream of [started.stdout, started.stderr]) stream.on("data", (part) => (output += part));
    await eventually(
      "the local cloud",
      async () => (output.includes("Ctrl-C ends it") ? true : null),
      100_000,
    );
    const env = Object.fromEntries(
      [...output.matchAll(/^export (\w+)='?([^'\n]*)'?$/gm)].map(([, name = "", value = ""]) => [
        name,
        value,
      ]),
    );

    const [first, second] = [await freePort(), await freePort()];
    // NumPy is there: installing it is not what is tried here.
    const example = commandsOf("example")
      .replace(/^python3 -m pip .*\n/m, "")
      .replace("start north 8191", `start north ${first}`)
      .replace("start south 8192", `start south ${second}`);
    expect(example).toContain(`start south ${second}`);
    shell = bash(`${example}\necho "$RUN" > run.txt`, env, "example.log");
    const [code] = await once(shell, "exit");
    expect(code, readFileSync(join(folder, "example.log"), "utf8")).toBe(0);
    const RUN = readFileSync(join(folder, "run.txt"), "utf8").trim();
    const headers = { authorization: `Bearer ${env["TOKEN"]}` };
    const run = await eventually(
      "the end of the run",
      async () => {
        const answer = await fetch(`${env["API_URL"]}/v1/runs/${RUN}`, { headers });
        const found = Run.parse(await answer.json());
        return found.status === "completed" || found.status === "failed" ? found : null;
      },
      60_000,
    );
    expect(run).toMatchObject({ status: "completed", modelVersion: 5, eur: 1, totals: { inTime: 10 } });

    const fed = /^fed\(\) .*$/m.exec(commandsOf("example"))?.[0] ?? "";
    const end = bash(`${fed}\n${commandsOf("example-end")}`, { ...env, RUN }, "end.log");
    const [ended] = await once(end, "exit");
    const printed = readFileSync(join(folder, "end.log"), "utf8");
    expect(ended, printed).toBe(0);
    expect(printed).toContain('"status": "completed"');
    expect(Number(/'accuracy': ([\d.]+)/.exec(printed)?.[1])).toBeGreaterThan(0.9);
  }, 180_000);
});
