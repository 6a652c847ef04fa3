// A whole simulation from options to files.
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type SimulateOptions, simulate } from "../../../infra/sim/simulate.ts";
import { FlError } from "../../../shared/core/errors.ts";
import { buildScenario } from "../../unit/sim/builders.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "simulate-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function simulated(options: Partial<SimulateOptions>): Promise<string> {
  const [out, err] = [new PassThrough(), new PassThrough()];
  const defaults = {
    paperFaithful: false,
    stragglers: [0],
    seeds: 1,
    train: "off",
    spec: {},
    workers: 1,
    result: { option: "--out", isPrinted: false },
  } as const;
  await simulate({ scenario: [], ...defaults, ...options }, out, err);
  expect(err.read(), "silence where there is no terminal").toBe(null);
  return String(out.read());
}

describe("a simulation", () => {
  it("prints its rows as one document where that is asked for, and its table beside it", async () => {
    const file = join(folder, "mine.json");
    await writeFile(file, JSON.stringify(buildScenario()));
    const [out, err] = [new PassThrough(), new PassThrough()];
    const result = { option: "--out", isPrinted: true } as const;
    const options = { paperFaithful: false, stragglers: [0], seeds: 2, train: "off", spec: {} } as const;
    await simulate({ scenario: [file], strategy: ["fedavg"], ...options, workers: 1, result }, out, err);
    expect(JSON.parse(String(out.read()))).toHaveLength(2);
    expect(String(err.read()).trimEnd().split("\n")).toHaveLength(1 + 1);
  });

  it("prints a table, and writes a row a run and a chart a measure", async () => {
    const file = join(folder, "mine.json");
    await writeFile(file, JSON.stringify(buildScenario()));
    const [json, plot] = [join(folder, "rows.json"), join(folder, "plots")];
    const printed = await simulated({
      scenario: [file],
      strategy: ["fedavg", "fedlesscan"],
      paperFaithful: "both",
      stragglers: [0, 0.5],
      seeds: 2,
      result: { file: json, option: "--out", isPrinted: false },
      plot,
    });
    expect(printed.trimEnd().split("\n")).toHaveLength(1 + 2 * 2 * 2);
    const rows: unknown[] = JSON.parse(await readFile(json, "utf8"));
    expect(rows).toHaveLength(2 * 2 * 2 * 2);
    expect(Object.keys(Object(rows[0]))).toEqual(
      "scenario strategy paperFaithful stragglers seed rounds eur timeMinutes costUsd bias lateUsed accuracy".split(
        " ",
      ),
    );
    expect((await readdir(plot)).map((name) => name.split("-").at(-1)).sort()).toEqual([
      "clusters.svg",
      "cost.svg",
      "eur.svg",
      "time.svg",
    ]);
  });

  it("of an unknown strategy names the known ones", async () => {
    await expect(simulated({ scenario: ["paper/mnist"], strategy: ["fedcs"] })).rejects.toThrow(
      new FlError(
        "invalid-argument",
        "There is no strategy fedcs; there are fedavg, fedprox, apodotiko, fedlesscan, oort, random, refl.",
      ),
    );
  });
});
