// The simulator's options: what they come to, and what is said of wrong ones.
import { describe, expect, it } from "vitest";
import { simulateCommand } from "../../../infra/sim/command.ts";
import type { LeagueOptions } from "../../../infra/sim/league/league.ts";
import type { SimulateOptions } from "../../../infra/sim/simulate.ts";

async function parse(...args: string[]): Promise<SimulateOptions> {
  let given: SimulateOptions | undefined;
  const command = simulateCommand(
    async (options) => {
      given = options;
    },
    () => Promise.reject(new Error("the league was run")),
  );
  command.exitOverride().configureOutput({ writeErr: () => undefined });
  await command.parseAsync(args, { from: "user" });
  if (given === undefined) throw new Error("nothing was run");
  return given;
}

async function parseLeague(...args: string[]): Promise<LeagueOptions> {
  let given: LeagueOptions | undefined;
  const command = simulateCommand(
    () => Promise.reject(new Error("scenarios were simulated")),
    async (options) => {
      given = options;
    },
  );
  command.exitOverride().configureOutput({ writeErr: () => undefined });
  await command.parseAsync(args, { from: "user" });
  if (given === undefined) throw new Error("nothing was run");
  return given;
}

describe("the league", () => {
  it.each([
    ["--league", { seeds: 5, quick: false }],
    ["--league --quick", { seeds: 2, quick: true }],
    ["--league --seeds 1", { seeds: 1, quick: false }],
    [
      "--league --quick --seeds 3 --out a.json --workers 2",
      { seeds: 3, quick: true, result: { file: "a.json", option: "--out", isPrinted: false }, workers: 2 },
    ],
  ])("%s", async (args, expected) => {
    expect(await parseLeague(...args.split(" "))).toMatchObject(expected);
  });

  it.each([
    ["--quick", /--quick is for --league/],
    ["--league --train real", /--train has no meaning with --league/],
    ["--league --scenario mixed/flaky", /--scenario has no meaning with --league/],
    ["--league --seeds 0", /whole number from 1/],
  ])("%s is refused", async (args, message) => {
    await expect(parseLeague(...args.split(" "))).rejects.toThrow(message);
  });
});

describe("options", () => {
  it("have defaults", async () => {
    expect(await parse()).toMatchObject({
      scenario: ["paper/mnist"],
      paperFaithful: false,
      stragglers: [0, 0.1, 0.3, 0.5, 0.7],
      seeds: 1,
      train: "off",
      attack: null,
      attackers: 0.2,
      spec: {},
    });
  });

  it("are read", async () => {
    const args =
      "--scenario a,b.json --strategy fedavg,fedlesscan --stragglers 0,0.25,1 --seeds 5 --train real --attack alie:1.5 --attackers 0.4 --accounting platform " +
      '--workers 2 --out rows.json --plot plots --replay run.json --spec {"round":{"quorum":0.5}}';
    expect(await parse(...args.split(" "))).toEqual({
      scenario: ["a", "b.json"],
      strategy: ["fedavg", "fedlesscan"],
      paperFaithful: false,
      stragglers: [0, 0.25, 1],
      seeds: 5,
      train: "real",
      attack: { kind: "alie", strength: 1.5 },
      attackers: 0.4,
      accounting: "platform",
      workers: 2,
      result: { file: "rows.json", option: "--out", isPrinted: false },
      plot: "plots",
      replay: "run.json",
      spec: { round: { quorum: 0.5 } },
    });
  });

  it.each([
    [["--paper-faithful"], true],
    [["--paper-faithful", "true"], true],
    [["--paper-faithful", "both"], "both"],
    [[], false],
  ])("%j is paper-faithful: %s", async (args, expected) => {
    expect((await parse(...args)).paperFaithful).toBe(expected);
  });

  it.each([
    ["--stragglers", "0.5,1.1", "shares from 0 to 1"],
    ["--stragglers", "-0.1", "shares from 0 to 1"],
    ["--stragglers", "0.1,,0.2", "shares from 0 to 1"],
    ["--stragglers", "many", "shares from 0 to 1"],
    ["--seeds", "0", "a whole number from 1 to 1000"],
    ["--seeds", "2.5", "a whole number from 1 to 1000"],
    ["--workers", "257", "a whole number from 1 to 256"],
    ["--scenario", "a,", "names with commas"],
    ["--strategy", "", "names with commas"],
    ["--spec", "[]", "a JSON object"],
    ["--spec", "null", "a JSON object"],
    ["--spec", "{round", "a JSON object"],
    ["--train", "later", "Allowed choices are off, real"],
    ["--attack", "flip", "one of label-flip, sign-flip"],
    ["--attack", "constructor", "one of label-flip, sign-flip"],
    ["--attack", "alie:", "a strength above 0"],
    ["--attack", "alie:-1", "a strength above 0"],
    ["--attack", "alie:1:2", "a strength above 0"],
    ["--attackers", "1.1", "a share from 0 to 1"],
    ["--attackers", "", "a share from 0 to 1"],
    ["--accounting", "mine", "Allowed choices are published, platform"],
    ["--paper-faithful", "no", "Allowed choices are true, both"],
  ])("%s %j is refused with what it must be", async (option, value, said) => {
    await expect(parse(`${option}=${value}`)).rejects.toThrow(said);
  });

  it("that are unknown are refused", async () => {
    await expect(parse("--color")).rejects.toThrow("unknown option '--color'");
  });
});
