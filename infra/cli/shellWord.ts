// A value as a word of a shell's command line.

/** As a shell reads it back: a value may be a path with blanks. */
export function shellWord(value: string): string {
  return /^[\w@%+=:,./-]*$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}
