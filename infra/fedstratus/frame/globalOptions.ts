// What the options of every command say.

export interface GlobalOptions {
  readonly profile: string | undefined;
  readonly api: string | undefined;
  readonly json: boolean;
  readonly fields: readonly string[] | undefined;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly noInput: boolean;
  readonly color: boolean;
  readonly timeoutMs: number | undefined;
}
