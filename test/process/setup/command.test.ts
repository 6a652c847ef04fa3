// Commands of set-up: their output, their reasons, and that nothing of them is left after their time.
import { expect, test } from "vitest";
import { runCommand } from "../../../infra/setup/command.mjs";

const node = (program: string, timeoutMs = 20_000, onLine?: (line: string) => void) =>
  runCommand(process.execPath, ["-e", program], { timeoutMs, ...(onLine && { onLine }) });

test("collects both streams line by line", async () => {
  const lines: string[] = [];
  const result = await node(
    "process.stdout.write('a\\n\\nb\\rc'); process.stderr.write('d')",
    undefined,
    (line) => lines.push(line),
  );
  expect(result).toMatchObject({ ok: true, reason: "" });
  expect(lines.toSorted()).toEqual(["a", "b", "c", "d"]);
});

test("keeps the end of a long output", async () => {
  const { output } = await node("for (let i = 1; i <= 1000; i++) console.log(i)");
  expect(output.split("\n")).toHaveLength(400);
  expect(output.endsWith("\n1000")).toBe(true);
});

test.each([
  ["process.exit(3)", /ended with exit code 3$/],
  ["process.kill(process.pid, 'SIGKILL')", /ended with SIGKILL$/],
])("reports why it failed: %s", async (program, reason) => {
  expect(await node(program)).toMatchObject({ ok: false, reason: expect.stringMatching(reason) });
});

test("reports that there is no such command", async () => {
  const result = await runCommand("no-such-command-anywhere", [], { timeoutMs: 1_000 });
  expect(result.ok).toBe(false);
  expect(result.reason).toMatch(/^no-such-command-anywhere: .*ENOENT/);
});

test("after its time, the whole tree of processes is killed", async () => {
  const child = "setInterval(() => {}, 1000); console.log('up')";
  const parent = `require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(child)}], { stdio: "inherit" });
    setInterval(() => {}, 1000)`;
  // Resolves only when the output is closed, and the grandchild holds it open while it lives.
  const result = await node(parent, 1_500);
  expect(result.ok).toBe(false);
  expect(result.reason).toMatch(/was stopped after 2 s$/);
});
