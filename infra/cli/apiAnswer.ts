// An answer of the api that is a failure. By itself, so that what tells of failures loads nothing that calls.

/** What the api has answered to a call that failed. */
export class ApiAnswer extends Error {
  readonly status: number;
  /** In the api's own words. */
  readonly words: string;
  readonly trace: string;

  constructor(status: number, words: string, trace: string) {
    super(`${status}: ${words}`);
    this.status = status;
    this.words = words;
    this.trace = trace;
  }
}
