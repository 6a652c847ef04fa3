// The kinds of rounds that are not those of disturbed.test.ts, as real processes of which one is killed at
// each step: a run ends as one that nothing disturbs, and no update is lost or counted twice.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DisturbedStage, openDisturbed, pointsOf } from "../support/disturb/disturbed.ts";
import { buffered } from "../support/disturb/modes/buffered.ts";
import { codistilled } from "../support/disturb/modes/codistilled.ts";
import { LIVE, labelClients } from "../support/disturb/modes/mode.ts";
import { relayed } from "../support/disturb/modes/relayed.ts";
import { tiered } from "../support/disturb/modes/tiered.ts";
import { casesHere } from "../support/tier.ts";

const MODES = { buffered, relayed, tiered, codistilled };
type ModeName = keyof typeof MODES;
const NAMES = Object.keys(MODES) as ModeName[];

const KILLS = NAMES.flatMap((name) => pointsOf(MODES[name].steps).map((point) => ({ name, point })));
const TIMEOUT_MS = 240_000;

let opened: DisturbedStage;
/** The end of a run of each mode that is played. */
const undisturbed = new Map<ModeName, unknown>();
let plays = 0;

beforeAll(async () => {
  opened = await openDisturbed(LIVE);
  await labelClients(opened.stage);
}, TIMEOUT_MS);

afterAll(() => opened?.close());

/** Played once, and only where it is asked for; again where it did not come to its end. */
async function undisturbedEnd(name: ModeName): Promise<unknown> {
  const known = undisturbed.get(name);
  if (known !== undefined) return known;
  const end = await MODES[name].play(opened.stage, `${name}-undisturbed-${++plays}`);
  undisturbed.set(name, end);
  return end;
}

test.each(casesHere(NAMES))(
  "%s: undisturbed, it is what it is said to be",
  async (name) => {
    expect(await undisturbedEnd(name)).toMatchObject(MODES[name].expected);
  },
  TIMEOUT_MS,
);

test.each(casesHere(KILLS))(
  "$name: killed $point",
  async ({ name, point }) => {
    const { desk, stage } = opened;
    const end = await undisturbedEnd(name);
    const struckBefore = (await desk.struck()).length;
    await desk.arm(point, ["kill"]);
    const place = String(KILLS.findIndex((one) => one.name === name && one.point === point) + 1);
    expect(await MODES[name].play(stage, `${name}-${place.padStart(8, "0")}`)).toEqual(end);
    expect((await desk.struck()).slice(struckBefore)).toEqual([`${point} "kill"`]);
    expect(await desk.trouble()).toEqual([]);
  },
  TIMEOUT_MS,
);
