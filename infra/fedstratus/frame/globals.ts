// The options that every command has.
import type { Opt } from "./command.ts";
import { opt } from "./values.ts";

export const GLOBALS = {
  profile: opt.text("--profile <name>", "the deployment to use, by its profile"),
  api: opt.text("--api <url>", "the deployment to use, by its api's address"),
  json: opt.flag("--json", "print one JSON document on stdout (many, one a line, where a command streams)"),
  fields: opt.text("--fields <list>", "only these fields, with commas between: a,b.c"),
  quiet: opt.flag("-q, --quiet", "print results and errors only"),
  verbose: opt.flag("-v, --verbose", "print each request with its trace, which the functions' logs have"),
  input: opt.flag("--no-input", "never ask"),
  color: opt.flag("--no-color", "no colours (NO_COLOR does the same, FORCE_COLOR the opposite)"),
  timeout: opt.duration(
    "--timeout <duration>",
    "how long to wait, for the api or for a condition: 90s, 10m, 1h",
  ),
} as const satisfies Readonly<Record<string, Opt<unknown>>>;
