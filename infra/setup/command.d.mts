// Types of command.mjs, which is plain JavaScript because it also runs before TypeScript can.
export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
  readonly onLine?: (line: string) => void;
}
export interface CommandResult {
  readonly ok: boolean;
  /** Why it failed, in words; "" when ok. */
  readonly reason: string;
  /** The last lines of both output streams. */
  readonly output: string;
}
export function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<CommandResult>;
export function stopCommandsOnSignal(): () => void;
