// What a command has of its process: streams, environment, clock and signals, so that a test can stand in.
import type { Interruption } from "../../cli/interruption.ts";
import type { ViewStream } from "../../cli/view/demoView.ts";

export interface Io {
  readonly stdout: ViewStream;
  readonly stderr: ViewStream;
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where files and `.fedstratus` are looked for. */
  readonly cwd: string;
  readonly home: string;
  readonly platform: NodeJS.Platform;
  readonly nowMs: () => number;
  /** Resolves early when the signal aborts. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Runs a script of the repository; returns its exit code. Absent where there is no repository. */
  readonly launch?:
    | ((script: "demo" | "simulate" | "box", options: readonly string[]) => Promise<number>)
    | undefined;
  /** Listens for the signals that end a command. */
  readonly interruption: () => Interruption;
}
