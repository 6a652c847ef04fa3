// The tiers of the tests: the quick one, the full one, and the eighths that together are what the quick one
// leaves out.
import { EXHAUSTIVE, SPLIT } from "./exhaustive.ts";

export const EIGHTHS = 8;

/** What a run of the tests plays. It travels to the workers, so it is plain data. */
export type Tier =
  /** Everything that needs no long time: `npm test`. */
  | { readonly kind: "quick" }
  /** Everything: `npm run test:full`, and any test file that is named. */
  | { readonly kind: "full" }
  /** What the quick tier leaves out, one part in eight, from 1: `npm run test:full -- --mode eighth-3`. */
  | { readonly kind: "eighth"; readonly eighth: number };

declare module "vitest" {
  interface ProvidedContext {
    tier: Tier;
  }
}

/** Vitest's own, and that of programs that read its configuration. */
const OWN_MODES = ["test", "development", "production"];

/**
 * The tier that Vitest's `--mode` names: `quick`, `eighth-3`, `eighth` for the one that follows from the
 * commit; without it, the full one.
 *
 * @throws Error for any other mode
 */
export function tierOf(mode: string, commit: () => Commit | null): Tier {
  if (OWN_MODES.includes(mode)) return { kind: "full" };
  if (mode === "quick") return { kind: "quick" };
  if (mode === "eighth") return { kind: "eighth", eighth: eighthOf(commit()) };
  const eighth = /^eighth-([1-8])$/.exec(mode)?.[1];
  if (eighth !== undefined) return { kind: "eighth", eighth: Number(eighth) };
  throw new Error(
    `There is no mode "${mode}" of the tests: use quick, eighth, or eighth-1 to eighth-${EIGHTHS}.`,
  );
}

export interface Commit {
  readonly hash: string;
  /** Commits up to this one, itself included; null in a shallow clone, which does not know. */
  readonly count: number | null;
}

/**
 * The eighth that CI plays at a commit, from 1. In a complete clone it follows from the number of commits, so
 * that eight commits in a row play all eight; hashes would leave a third of them out. A shallow clone counts
 * only the commits that it has, every time as many: there it follows from the hash.
 */
export function eighthOf(commit: Commit | null): number {
  if (commit === null) return 1;
  return ((commit.count ?? Number.parseInt(commit.hash.slice(0, 8), 16)) % EIGHTHS) + 1;
}

export interface TestFile {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

/** Whether the quick tier leaves the file, or cases of it, out. */
export function isExhaustive(file: TestFile): boolean {
  return file.path in EXHAUSTIVE || isScaled(file);
}

/** Whether the quick tier plays fewer cases of the file's properties. */
export function isScaled({ text }: TestFile): boolean {
  return /from "fast-check"|import \{[^}]*\bruns\b[^}]*\} from "[./]+\/support\/tier\.ts"/.test(text);
}

/** Whether each eighth plays cases of the file, by `casesHere`; other files are in one eighth as a whole. */
export function isSplit(path: string): boolean {
  return SPLIT.includes(path);
}

/** The files that a tier plays, of all test files. */
export function filesOf(tier: Tier, files: readonly TestFile[]): readonly string[] {
  if (tier.kind === "full") return files.map(({ path }) => path);
  if (tier.kind === "quick") {
    return files.filter(({ path }) => !(path in EXHAUSTIVE)).map(({ path }) => path);
  }
  const eighths = eighthsOfFiles(files);
  return files
    .filter(({ path }) => isSplit(path) || eighths.get(path) === tier.eighth)
    .map(({ path }) => path);
}

/**
 * The eighth, from 1, of each exhaustive file that is not split. Those with a time are spread so that all
 * eighths take as long: the longest first, each to the eighth that has least. The others take seconds: their
 * names decide, so that a new file moves no other one.
 */
function eighthsOfFiles(files: readonly TestFile[]): ReadonlyMap<string, number> {
  const eighths = new Map<string, number>();
  const seconds = Array.from({ length: EIGHTHS }, () => 0);
  const timed = Object.entries(EXHAUSTIVE).filter(([path]) => !isSplit(path));
  for (const [path, takes] of timed.toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))) {
    const place = seconds.indexOf(Math.min(...seconds));
    eighths.set(path, place + 1);
    seconds[place] = (seconds[place] ?? 0) + takes;
  }
  for (const file of files) {
    if (!eighths.has(file.path) && isScaled(file)) eighths.set(file.path, (sumOf(file.path) % EIGHTHS) + 1);
  }
  return eighths;
}

function sumOf(text: string): number {
  return [...text].reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 1_000_003, 7);
}

/**
 * The cases of a table that a tier plays: in order, every eighth one belongs to the same eighth, for
 * neighbours take alike.
 */
export function casesOf<T>(tier: Tier, cases: readonly T[]): readonly T[] {
  if (tier.kind === "quick") return [];
  return tier.kind === "full" ? cases : cases.filter((_, index) => index % EIGHTHS === tier.eighth - 1);
}

/** How many cases of a property a tier plays, of as many as the full one does. */
export function propertyRuns(tier: Tier, full: number): number {
  return tier.kind === "quick" ? Math.ceil(full / 5) : full;
}

/** Whether a tier plays what a split file tests only once, however many parts its tables have. */
export function playsOnce(tier: Tier): boolean {
  return tier.kind === "full" || (tier.kind === "eighth" && tier.eighth === 1);
}
