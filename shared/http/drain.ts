// Ends the process without losing what it is answering. The framework would answer 500 at once and be gone;
// Cloud Run gives ten seconds.

/** Within the ten seconds. What takes longer is cut off, and its task repeats it. */
const GRACE_MS = 9_000;

export interface Drain {
  /** Counts one request; what is returned says that it has ended. */
  begin(): () => void;
}

/** To be made before the framework starts: listeners to SIGTERM that exist by then are left alone. */
export function createDrain(): Drain {
  const others = new Set(process.listeners("SIGTERM"));
  let inFlight = 0;
  let isEnding = false;
  let isListening = false;

  /** With the first request the framework has hung its own listener. */
  const listen = () => {
    if (isListening) return;
    isListening = true;
    const frameworks = process.listeners("SIGTERM").filter((listener) => !others.has(listener));
    for (const listener of frameworks) process.off("SIGTERM", listener);
    // Without the framework's there is no process of our own to end: a test, a script.
    if (frameworks.length > 0) process.once("SIGTERM", end);
  };
  const end = () => {
    isEnding = true;
    if (inFlight === 0) process.exit(0);
    setTimeout(() => process.exit(0), GRACE_MS).unref();
  };

  return {
    begin() {
      listen();
      inFlight++;
      return () => {
        inFlight--;
        if (isEnding && inFlight === 0) process.exit(0);
      };
    },
  };
}
