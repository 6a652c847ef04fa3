// Ctrl-C and its kin: asked once, a command ends what it started and then itself.

export interface Interruption {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** The exit code that tells the signal, as shells count; 0 when there was none. */
  exitCode(): number;
  /** Stops listening. */
  dispose(): void;
}

const NUMBERS = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;

export function interruption(): Interruption {
  const controller = new AbortController();
  let code = 0;
  const listeners = Object.entries(NUMBERS).map(([name, number]) => {
    const listener = () => {
      code = 128 + number;
      controller.abort();
    };
    process.on(name, listener);
    return () => process.off(name, listener);
  });
  return {
    signal: controller.signal,
    exitCode: () => code,
    dispose: () => {
      for (const remove of listeners) remove();
    },
  };
}
