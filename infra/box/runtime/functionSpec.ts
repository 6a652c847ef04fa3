// What a function of the local cloud is: its code and the limits it runs under, with the defaults of Cloud
// Run functions.
import { isAbsolute } from "node:path";
import { FlError, type Problem } from "../../../shared/core/errors.ts";
import type { CallerRules } from "./callerCheck.ts";

/** The address of every function of the runtime, by name. */
export type FunctionUrls = Readonly<Record<string, string>>;

export interface FunctionSpec {
  /** 1 to 49 lower-case letters, digits and hyphens, beginning with a letter. */
  readonly name: string;
  /** Absolute path of the folder that is loaded: `index.js`, or what its package.json calls `main`. */
  readonly sourceDir: string;
  /** The function registered by the source. */
  readonly target: string;
  /**
   * Environment of its instances; a function is given all addresses, so that functions can know each other.
   */
  readonly env?:
    | Readonly<Record<string, string>>
    | ((urls: FunctionUrls) => Readonly<Record<string, string>>);
  /** Requests that one instance serves at a time: 1 to 1000. */
  readonly concurrency: number;
  /** 1 to 1000. */
  readonly maxInstances: number;
  /** Kept running: 0, the default, to `maxInstances`. */
  readonly minInstances?: number;
  /** After this a request is cut and answered 504; above 0, at most 3600. */
  readonly timeoutSeconds: number;
  /** How long an instance without requests is kept. Default 900. */
  readonly idleSeconds?: number;
  /**
   * How long a request waits for an instance while all are busy, before it is answered 429. Default: as Cloud
   * Run, the larger of 10 s and 3.5 times the mean start of an instance.
   */
  readonly queueSeconds?: number;
  /**
   * Of an instance: a process that takes more is ended, and its JavaScript heap is smaller. At least 128,
   * default 512.
   */
  readonly memoryMib?: number;
  /**
   * How often the memory of a process is looked at, in ms; 0: never, so that it may take what it likes.
   * Default 200.
   */
  readonly memoryLookMs?: number;
  /** Whether its instances wait for their turn to start; see `Starts`. Default: no. */
  readonly startsInTurn?: boolean;
  /** Options of Node for its processes, such as `["--import", file]`. Default: none. */
  readonly execArgv?: readonly string[];
  /** 0, the default, picks a free one. */
  readonly port?: number;
  /** Who may call it; absent: anybody, with or without a token. */
  readonly callers?: CallerRules;
}

/** A spec with everything decided but its environment. */
export type FunctionSettings = Required<Omit<FunctionSpec, "env" | "port" | "queueSeconds" | "callers">> &
  Pick<FunctionSpec, "queueSeconds">;

/**
 * The spec with its defaults.
 *
 * @throws FlError("invalid-argument") naming every field that is out of range.
 */
export function functionSettings(spec: FunctionSpec): FunctionSettings {
  const { env: _env, port: _port, callers: _callers, ...given } = spec;
  const settings = {
    minInstances: 0,
    idleSeconds: 900,
    memoryMib: 512,
    memoryLookMs: 200,
    execArgv: [],
    startsInTurn: false,
    ...given,
  };
  const whole = (value: number, min: number, max: number) =>
    Number.isInteger(value) && value >= min && value <= max;
  const rules: readonly [keyof FunctionSettings, boolean, string][] = [
    ["name", /^[a-z][a-z0-9-]{0,48}$/.test(settings.name), "must be lower-case letters, digits and hyphens"],
    ["sourceDir", isAbsolute(settings.sourceDir), "must be an absolute path"],
    ["target", settings.target !== "", "must be the name of a function"],
    ["concurrency", whole(settings.concurrency, 1, 1_000), "must be a whole number from 1 to 1000"],
    ["maxInstances", whole(settings.maxInstances, 1, 1_000), "must be a whole number from 1 to 1000"],
    [
      "minInstances",
      whole(settings.minInstances, 0, settings.maxInstances),
      "must be from 0 to maxInstances",
    ],
    [
      "timeoutSeconds",
      settings.timeoutSeconds > 0 && settings.timeoutSeconds <= 3_600,
      "must be above 0, at most 3600",
    ],
    ["idleSeconds", settings.idleSeconds >= 0, "must be at least 0"],
    ["queueSeconds", settings.queueSeconds === undefined || settings.queueSeconds >= 0, "must be at least 0"],
    ["memoryMib", whole(settings.memoryMib, 128, 32_768), "must be a whole number from 128 to 32768"],
    ["memoryLookMs", whole(settings.memoryLookMs, 0, 60_000), "must be a whole number from 0 to 60000"],
  ];
  const problems: Problem[] = rules
    .filter(([, ok]) => !ok)
    .map(([key, , rule]) => ({ path: key, message: `${rule}, not ${JSON.stringify(settings[key])}` }));
  if (problems.length > 0) {
    const list = problems.map((problem) => `${problem.path} ${problem.message}`).join("; ");
    throw new FlError("invalid-argument", `Function "${spec.name}": ${list}.`, { problems });
  }
  return settings;
}
