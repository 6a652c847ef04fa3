// Runs the product's command line in the test's own process: what it prints and how it ends.
import { PassThrough, Writable } from "node:stream";
import { setTimeout as timer } from "node:timers/promises";
import { runProgram } from "../../infra/fedstratus/frame/runProgram.ts";

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Surroundings {
  readonly env: Readonly<Record<string, string>>;
  /** The folder it is called in; also the person's home. */
  readonly folder: string;
  /** Whether a person looks at stdout and stderr, and sits at stdin. */
  readonly isTerminal?: boolean;
  readonly stdin?: string;
  /** Aborted where a signal comes. */
  readonly signal?: AbortSignal;
  readonly nowMs?: () => number;
  /** Whether there is no repository around it. */
  readonly isPackage?: boolean;
  /** How a script of the repository ends, which only says what it was given. */
  readonly launched?: number;
  /** Called with every text as it is printed. */
  readonly onOutput?: (text: string) => void;
}

class Recorded extends Writable {
  text = "";
  readonly columns = 120;
  readonly rows = 40;
  readonly isTTY: boolean;
  private readonly onText: (text: string) => void;

  constructor(isTTY: boolean, onText: (text: string) => void = () => undefined) {
    super({ decodeStrings: false });
    this.isTTY = isTTY;
    this.onText = onText;
  }

  override _write(chunk: unknown, _encoding: string, done: () => void): void {
    this.text += String(chunk);
    this.onText(String(chunk));
    done();
  }
}

export async function runHere(words: readonly string[], around: Surroundings): Promise<Ran> {
  const { env, folder, isTerminal = false, stdin = "", signal, nowMs = Date.now, onOutput } = around;
  const { isPackage = false, launched = 0 } = around;
  const stdout = new Recorded(isTerminal, onOutput);
  const stderr = new Recorded(isTerminal, onOutput);
  const input = Object.assign(new PassThrough(), { isTTY: isTerminal, setRawMode: () => undefined });
  input.end(stdin);
  const code = await runProgram(words, {
    stdout,
    stderr,
    stdin: input,
    env,
    cwd: folder,
    home: folder,
    platform: "linux",
    nowMs,
    sleep: async (ms, until) => {
      await timer(ms, undefined, until === undefined ? {} : { signal: until }).catch(() => undefined);
    },
    launch: isPackage
      ? undefined
      : async (script, options) => {
          stdout.write(`${JSON.stringify([script, ...options])}\n`);
          return launched;
        },
    interruption: () => ({
      signal: signal ?? new AbortController().signal,
      exitCode: () => (signal?.aborted === true ? 130 : 0),
      dispose: () => undefined,
    }),
  });
  return { code, stdout: stdout.text, stderr: stderr.text };
}
