// Waits for something of the api to come about: asks at growing distances until it has, or the time is up.
import type { Context } from "../frame/context.ts";
import { spanText } from "../frame/duration.ts";
import { NotYet } from "../frame/failures.ts";

const DEFAULT_MS = 10 * 60_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;

/**
 * What `ask` gives once `isDone` says so.
 *
 * @param what is waited for, in the message
 * @throws NotYet where it has not come about within `--timeout`, or ten minutes
 */
export async function waitFor<T>(
  what: string,
  { io, options }: Pick<Context, "io" | "options">,
  ask: () => Promise<T>,
  isDone: (answer: T) => boolean,
): Promise<T> {
  const limitMs = options.timeoutMs ?? DEFAULT_MS;
  const untilMs = io.nowMs() + limitMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS)) {
    const answer = await ask();
    if (isDone(answer)) return answer;
    const leftMs = untilMs - io.nowMs();
    if (leftMs <= 0) throw new NotYet(`After ${spanText(limitMs / 1_000)}, ${what} is not there yet.`);
    await io.sleep(Math.min(pauseMs, leftMs));
  }
}
