// Signals that end a command (Ctrl-C, SIGTERM, SIGHUP): at the first one it ends what it started and then
// itself.

export interface Interruption {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** The exit code of the signal, as shells count; 0 when there was none. */
  exitCode(): number;
  /** Stops listening. */
  dispose(): void;
}

/** The interruptible work that is under way. */
let interruptWork: ((code: number) => void) | null = null;

/** Whether there is work under way that a signal interrupts in order. */
export function isInterruptible(): boolean {
  return interruptWork !== null;
}

/**
 * Interrupts the work under way, as a signal does, to end with the exit code; ends the process where there is
 * none.
 */
export function interruptWith(code: number): void {
  if (interruptWork === null) process.exit(code);
  interruptWork(code);
}

/** The signals that end a command, with their numbers. */
export const SIGNALS = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;

export function interruption(): Interruption {
  const controller = new AbortController();
  let code = 0;
  const interrupt = (exitCode: number) => {
    if (code === 0) code = exitCode;
    controller.abort();
  };
  interruptWork = interrupt;
  const listeners = Object.entries(SIGNALS).map(([name, number]) => {
    const listener = () => interrupt(128 + number);
    process.on(name, listener);
    return () => process.off(name, listener);
  });
  return {
    signal: controller.signal,
    exitCode: () => code,
    dispose: () => {
      interruptWork = null;
      for (const remove of listeners) remove();
    },
  };
}
