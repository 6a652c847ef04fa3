// An owner's code at work in a test: its log, and what comes out of its loader or trainer.
import { pathToFileURL } from "node:url";
import type { Loader } from "../../shared/cloud/own/client.ts";
import { loadOwn } from "../../shared/cloud/own/loadOwn.ts";
import type { Logger } from "../../shared/core/ports/logger.ts";

export interface Line {
  readonly level: "info" | "warn" | "error";
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A log that keeps its lines. */
export function keptLog(
  lines: Line[] = [],
  always: Line["fields"] = {},
): Logger & { readonly lines: Line[] } {
  const line =
    (level: Line["level"]) =>
    (message: string, fields: Line["fields"] = {}) => {
      lines.push({ level, message, fields: { ...always, ...fields } });
    };
  return {
    lines,
    info: line("info"),
    warn: line("warn"),
    error: line("error"),
    with: (more) => keptLog(lines, { ...always, ...more }),
  };
}

const tokens = { accessToken: async () => "token", fetchIdToken: async () => "token" };

export interface LoadOptions {
  readonly folder: string;
  readonly features?: string;
  readonly memoryMib?: number;
  readonly signal?: AbortSignal;
  readonly log?: Logger;
}

/** Runs a loader as a client does. */
export function loadBy(loader: unknown, options: LoadOptions) {
  const {
    folder,
    features,
    memoryMib = 2_048,
    signal = new AbortController().signal,
    log = keptLog(),
  } = options;
  return loadOwn(
    { about: { name: "mine", version: "1.2.3" }, load: async () => ({ default: loader as Loader }) },
    {
      address: `${pathToFileURL(folder).href}/`,
      features: features === undefined ? undefined : pathToFileURL(features).href,
    },
    { tokens },
    { clientId: "clinic-07", data: "x-rays", memoryMib, signal, log },
  );
}
