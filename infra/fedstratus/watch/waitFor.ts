// Waits for something of the api to come about: asks at growing distances until it has, or the time is up.
import type { Context } from "../frame/context.ts";
import { spanText } from "../frame/duration.ts";
import { NotYet } from "../frame/failures.ts";
import { AWAY_MS, isAway } from "./away.ts";

const DEFAULT_MS = 10 * 60_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;

/**
 * What `ask` gives once `isDone` says so. An api that is away for a while ends nothing.
 *
 * @param what is waited for, in the message
 * @throws NotYet where it has not come about within `--timeout`, or ten minutes; FlError where the api stays
 *   away for ten minutes, or answers with what no later call can change
 */
export async function waitFor<T>(
  what: string,
  { io, options, out }: Waiting,
  ask: () => Promise<T>,
  isDone: (answer: T) => boolean,
): Promise<T> {
  const limitMs = options.timeoutMs ?? DEFAULT_MS;
  const untilMs = io.nowMs() + limitMs;
  let awaySinceMs: number | undefined;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS)) {
    const answer = await ask().then(
      (value) => ({ value }),
      (error: unknown) => {
        if (!isAway(error)) throw error;
        if (awaySinceMs === undefined) out.warn(`The api is away; asking again for ${what}.`);
        awaySinceMs ??= io.nowMs();
        if (io.nowMs() - awaySinceMs >= AWAY_MS) throw error;
        return null;
      },
    );
    if (answer !== null) {
      awaySinceMs = undefined;
      if (isDone(answer.value)) return answer.value;
    }
    const leftMs = untilMs - io.nowMs();
    if (leftMs <= 0) {
      const state = answer === null ? "is not known to be there: the api is away" : "is not there yet";
      throw new NotYet(`After ${spanText(limitMs / 1_000)}, ${what} ${state}.`);
    }
    await io.sleep(Math.min(pauseMs, leftMs));
  }
}

/** What waiting takes of a command's context. */
type Waiting = {
  readonly io: Pick<Context["io"], "nowMs" | "sleep">;
  readonly options: Pick<Context["options"], "timeoutMs">;
  readonly out: Pick<Context["out"], "warn">;
};
