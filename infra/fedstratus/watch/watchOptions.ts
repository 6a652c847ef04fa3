// The options of the commands that follow a run.
import { opt } from "../frame/values.ts";

export const watchOptions = {
  until: opt.text(
    "--until <goal>",
    "completed (the default), round=N once that round is over, or accuracy=X",
  ),
  failOn: opt.text(
    "--fail-on <kinds>",
    "end with 1 on these, with commas between: degraded, paused; failed and cancelled always do",
  ),
  interval: opt.duration(
    "--interval <duration>",
    "how often the api is asked (default: by what happens, 2s to 15s)",
  ),
};
