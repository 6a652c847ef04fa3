// The simulator's options, and what is wrong with them; simulate.ts works.
import { availableParallelism } from "node:os";
import { Command, InvalidArgumentError, Option } from "commander";
import { howToUse } from "../cli/commandLine.ts";
import { JSON_ABOUT, JSON_FLAG, OUT_FLAG, resultPlace } from "../cli/resultPlace.ts";
import type { LeagueOptions } from "./league/league.ts";
import { ATTACKERS, Attack, attackKinds } from "./population/attacks.ts";
import type { SimulateOptions } from "./simulate.ts";

/** Whole numbers within bounds, both inclusive. */
function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

function names(text: string): readonly string[] {
  const list = text.split(",").map((name) => name.trim());
  if (list.every((name) => name !== "")) return list;
  throw new InvalidArgumentError("It must be names with commas between them.");
}

function shares(text: string): readonly number[] {
  const list = text.split(",").map(Number);
  if (list.every((share) => share >= 0 && share <= 1) && !/(^|,)\s*(,|$)/.test(text)) return list;
  throw new InvalidArgumentError("It must be shares from 0 to 1 with commas between them.");
}

function fields(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Refused below, as any other text that is not an object.
  }
  throw new InvalidArgumentError("It must be a JSON object.");
}

/** A kind of attack, and how strong it is: "alie" or "alie:1.5". */
function attack(text: string): Attack {
  const [kind, strength, ...rest] = text.split(":");
  const parsed = Attack.safeParse({
    kind,
    ...(strength === undefined ? {} : { strength: Number(strength) }),
  });
  if (parsed.success && rest.length === 0) return parsed.data;
  const known = attackKinds.join(", ");
  throw new InvalidArgumentError(
    `It must be one of ${known}, with a strength above 0 behind a colon or none.`,
  );
}

function shareOf(text: string): number {
  const share = Number(text);
  if (text.trim() !== "" && share >= 0 && share <= 1) return share;
  throw new InvalidArgumentError("It must be a share from 0 to 1.");
}

/** As many as intervals are made of. */
const LEAGUE_SEEDS = 5;
const QUICK_SEEDS = 2;

/** What goes with the league. */
const LEAGUE_FLAGS = ["league", "quick", "seeds", "workers", "out", "json"];

/**
 * @param run is given the options once they are right.
 * @param league in its place with `--league`.
 */
export function simulateCommand(
  run: (options: SimulateOptions) => Promise<void>,
  league: (options: LeagueOptions) => Promise<void>,
): Command {
  return new Command("npm run simulate --")
    .showHelpAfterError(howToUse("npm run simulate --"))
    .description("Simulate federated runs: the platform's own decisions under a virtual clock.")
    .option("--scenario <names>", "scenarios of infra/sim/scenarios, or .json files of yours", names, [
      "paper/mnist",
    ])
    .option("--replay <file>", "an exported run instead of scenarios")
    .option("--strategy <names>", "fedavg, fedprox, or the name of a selection strategy", names)
    .addOption(
      new Option("--paper-faithful [which]", "the published behaviour; both: it and the default")
        .choices(["true", "both"])
        .preset("true"),
    )
    .option("--stragglers <shares>", "shares of clients that straggle", shares, [0, 0.1, 0.3, 0.5, 0.7])
    .option("--seeds <n>", `seeds 1 to n of each cell; of the league ${LEAGUE_SEEDS}`, whole(1, 1_000), 1)
    .addOption(
      new Option("--train <how>", "off: durations only; real: with TensorFlow")
        .choices(["off", "real"])
        .default("off"),
    )
    .option("--attack <kind>", `malicious clients, with --train real: ${attackKinds.join(", ")}`, attack)
    .option("--attackers <share>", "share of clients that attack", shareOf, ATTACKERS)
    .addOption(
      new Option("--accounting <which>", "how time and cost are counted; default: the scenario's").choices([
        "published",
        "platform",
      ]),
    )
    .option(
      "--spec <json>",
      "what if: parts of a run's spec, laid over the scenario's or recording's",
      fields,
      {},
    )
    .option("--league", "every method in every contest, in the place of scenarios", false)
    .option(
      "--quick",
      `the league with ${QUICK_SEEDS} seeds, half of the time, a quarter of the training and lower targets`,
      false,
    )
    .option("--workers <n>", "threads", whole(1, 256), availableParallelism())
    .option(OUT_FLAG, "write a row for each run")
    .option(JSON_FLAG, JSON_ABOUT)
    .option("--plot <folder>", "write charts as SVG")
    .action(
      async (
        { paperFaithful, attack: chosen, league: isLeague, quick, out, json, ...options },
        command: Command,
      ) => {
        const isGiven = (name: string) => command.getOptionValueSource(name) === "cli";
        const result = resultPlace({ out, json }, (text) => process.stderr.write(`${text}\n`));
        if (quick && !isLeague) command.error("error: --quick is for --league.");
        if (isLeague) {
          const given = command.options.filter((option) => isGiven(option.attributeName()));
          const other = given.find((option) => !LEAGUE_FLAGS.includes(option.attributeName()));
          if (other !== undefined)
            command.error(`error: ${other.long} has no meaning with --league: leave it out.`);
          const { seeds, workers } = options;
          const played = isGiven("seeds") ? seeds : quick ? QUICK_SEEDS : LEAGUE_SEEDS;
          return league({ seeds: played, quick, workers, result });
        }
        await run({
          ...options,
          result,
          attack: chosen ?? null,
          paperFaithful: paperFaithful === "both" ? "both" : paperFaithful === "true",
        });
      },
    );
}
