// What a command works with: its output, the api it is for, and what its process has.
import type { Identity } from "../identity/identity.ts";
import type { Output } from "../output/output.ts";
import type { Connection } from "../profiles/connection.ts";
import { type Places, placesOf } from "../profiles/places.ts";
import type { Api } from "./api.ts";
import { UsageError } from "./failures.ts";
import type { GlobalOptions } from "./globalOptions.ts";
import type { Io } from "./io.ts";

export interface Context {
  readonly io: Io;
  readonly out: Output;
  readonly places: Places;
  readonly options: GlobalOptions;
  connection(): Promise<Connection>;
  identity(): Promise<Identity>;
  api(): Promise<Api>;
  /** Whether a person is there who may be asked. */
  readonly canAsk: boolean;
  /**
   * Asks a person before what cannot be undone.
   *
   * @throws UsageError where it was not said with `--yes`, and nobody is there to be asked
   */
  confirm(question: string, isSaid: boolean): Promise<boolean>;
}

/** Calls are tried again for as long, unless `--timeout` is shorter. */
const PATIENCE_MS = 30_000;

/** @param waits whether `--timeout` is for a condition: no answer of the api is cut short by it then. */
export function createContext(io: Io, out: Output, options: GlobalOptions, waits: boolean): Context {
  const places = placesOf(io);
  const connection = once(async () => {
    const { connectionOf } = await import("../profiles/connection.ts");
    return connectionOf({ ...options, env: io.env, cwd: io.cwd, configFile: places.configFile });
  });
  const identity = once(async () => {
    const { identityOf } = await import("../identity/identity.ts");
    return identityOf(await connection(), places.cacheDir, io);
  });
  const api = once(async () => {
    const [{ apiOf }, { apiTransport }] = await Promise.all([
      import("./api.ts"),
      import("../../cli/apiTransport.ts"),
    ]);
    const [{ apiUrl }, { token }] = [await connection(), await identity()];
    const { timeoutMs, verbose } = options;
    const transport = apiTransport({
      url: apiUrl,
      token: renewed(token),
      ...(timeoutMs === undefined ? {} : { patienceMs: Math.min(timeoutMs, PATIENCE_MS) }),
      ...(timeoutMs === undefined || waits ? {} : { timeoutMs }),
      ...(verbose
        ? {
            onCall: ({ method, path, status, tookMs, trace }) => {
              io.stderr.write(
                `${method} ${path} ${status ?? "no answer"} in ${Math.round(tookMs)} ms, trace ${trace}\n`,
              );
            },
          }
        : {}),
    });
    return apiOf(transport, io.cwd);
  });
  const canAsk = io.stdin.isTTY === true && io.stderr.isTTY === true && !options.noInput && !out.isJson;
  return {
    io,
    out,
    places,
    options,
    connection,
    identity,
    api,
    canAsk,
    confirm: async (question, isSaid) => {
      if (isSaid) return true;
      if (!canAsk) throw new UsageError(`${question} Nobody is here to answer: say it with --yes.`);
      const { createInterface } = await import("node:readline/promises");
      const lines = createInterface({ input: io.stdin, output: io.stderr });
      try {
        return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim());
      } finally {
        lines.close();
      }
    },
  };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** A token outlives a command's calls; a long watch makes a new one before the old one is over. */
const RENEW_MS = 30 * 60_000;

function renewed(token: (audience: string) => Promise<string>): (audience: string) => Promise<string> {
  let held: { readonly token: Promise<string>; readonly atMs: number } | undefined;
  return (audience) => {
    if (held === undefined || performance.now() - held.atMs > RENEW_MS) {
      const made = token(audience);
      held = { token: made, atMs: performance.now() };
      made.catch(() => {
        held = undefined;
      });
    }
    return held.token;
  };
}
