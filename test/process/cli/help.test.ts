// What each command says of itself: how a person calls it, and where to look after a mistake.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const cli = ["infra/cli/main.ts"];

it.each<[string, readonly string[]]>([
  ["demo", [...cli, "demo"]],
  ["federate", [...cli, "federate"]],
  ["box", [...cli, "box"]],
  ["convert", [...cli, "convert"]],
  ["export", [...cli, "export"]],
  ["simulate", ["infra/sim/main.ts"]],
  ["data", ["infra/data/main.ts"]],
  ["client:dev", ["infra/clientDev/main.ts"]],
  ["bundle", ["infra/bundle/main.ts"]],
  ["bench", ["infra/bench/main.ts"]],
  ["conformance", ["infra/conformance/main.ts"]],
])("npm run %s", (script, args) => {
  const run = (flag: string) =>
    spawnSync(process.execPath, [...args, flag], { cwd: root, encoding: "utf8", timeout: 60_000 });
  const help = run("--help");
  expect(help.status, help.stderr).toBe(0);
  expect(help.stdout.split("\n")[0]).toMatch(new RegExp(`^Usage: npm run ${script} -- \\[options\\]`));
  const mistake = run("--no-such-option");
  expect(mistake.status).toBe(1);
  expect(mistake.stderr).toMatch(/^error: /m);
  expect(mistake.stderr.trimEnd().split("\n").at(-1)).toBe(
    `What it takes is shown by: npm run ${script} -- --help`,
  );
});
