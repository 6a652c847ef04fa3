// An owner's own code in a client's function, by name and version, and what a run asks for of it.
import * as z from "zod";

const CodeName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
    "use 1 to 63 letters, digits, dots, hyphens and underscores, the first a letter or digit",
  );

const VERSION = /^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})$/;

export const CodeAbout = z
  .strictObject({
    name: CodeName,
    version: z.string().regex(VERSION, "use three numbers, such as 1.4.0"),
  })
  .meta({ id: "CodeAbout" });
export type CodeAbout = z.infer<typeof CodeAbout>;

/** The kinds of code that an owner may bring, in the order in which they are named. */
export const CODE_KINDS = ["loader", "trainer", "layers"] as const;
export type CodeKind = (typeof CODE_KINDS)[number];

export const ClientCode = z
  .strictObject({
    loader: CodeAbout.optional(),
    trainer: CodeAbout.optional(),
    layers: CodeAbout.optional(),
  })
  .describe("The owner's own code in the client's function.")
  .meta({ id: "ClientCode" });
export type ClientCode = z.infer<typeof ClientCode>;

const COMPARATOR = /^(>=|<=|>|<|=|\^|~)?(\d{1,9})\.(\d{1,9})\.(\d{1,9})$/;

const VersionRange = z
  .string()
  .max(200)
  .refine(
    (range) => comparatorsOf(range) !== null,
    'use versions of three numbers with =, >=, >, <=, <, ^ or ~ before them and blanks between, such as ">=1.4.0 <2.0.0"',
  );

const Requirement = z.strictObject({
  name: CodeName.describe("As the code itself says it."),
  version: VersionRange.optional().describe(
    "Such as `^1.4.0` or `>=1.4.0 <2.0.0`, as npm reads them; any version where absent.",
  ),
});

export const RequiredCode = z
  .strictObject({
    loader: Requirement.optional(),
    trainer: Requirement.optional(),
    layers: Requirement.optional(),
  })
  .describe(
    "The owner's own code that a client must have to be invited. With `layers`, the model may name classes that are not among the built-in ones.",
  )
  .meta({ id: "RequiredCode" });
export type RequiredCode = z.infer<typeof RequiredCode>;

type Numbers = readonly [major: number, minor: number, patch: number];

/** One bound of a range: what is compared has to be `operator` `version`. */
interface Comparator {
  readonly operator: ">=" | ">" | "<=" | "<" | "=";
  readonly version: Numbers;
}

/** The bounds of a range, all of which have to hold; null for what is no range. */
function comparatorsOf(range: string): readonly Comparator[] | null {
  const words = range.split(/ +/).filter((word) => word !== "");
  const bounds = words.map(boundsOf);
  return words.length === 0 || bounds.includes(null) ? null : bounds.flatMap((some) => some ?? []);
}

function boundsOf(word: string): readonly Comparator[] | null {
  const found = COMPARATOR.exec(word);
  if (found === null) return null;
  const [, sign = "="] = found;
  const [major, minor, patch] = found.slice(2).map(Number);
  const version: Numbers = [major ?? 0, minor ?? 0, patch ?? 0];
  if (sign === "^" || sign === "~") {
    return [
      { operator: ">=", version },
      { operator: "<", version: sign === "~" ? [version[0], version[1] + 1, 0] : nextBreaking(version) },
    ];
  }
  return [{ operator: sign as Comparator["operator"], version }];
}

/** Before 1.0.0 a change of the first number that is not 0 breaks, as npm has it. */
function nextBreaking([major, minor, patch]: Numbers): Numbers {
  if (major > 0) return [major + 1, 0, 0];
  return minor > 0 ? [0, minor + 1, 0] : [0, 0, patch + 1];
}

function isWithin(version: string, range: string | undefined): boolean {
  if (range === undefined) return true;
  const [, major, minor, patch] = VERSION.exec(version) ?? [];
  const bounds = comparatorsOf(range);
  if (bounds === null || patch === undefined) return false;
  const numbers: Numbers = [Number(major), Number(minor), Number(patch)];
  return bounds.every(({ operator, version: bound }) => holds[operator](compare(numbers, bound)));
}

/** Whether an order, as `compare` gives it, is one that an operator lets through. */
const holds: Readonly<Record<Comparator["operator"], (order: number) => boolean>> = {
  "=": (order) => order === 0,
  ">": (order) => order > 0,
  ">=": (order) => order >= 0,
  "<": (order) => order < 0,
  "<=": (order) => order <= 0,
};

/** Below, at or above 0, as numbers are subtracted. */
function compare(a: Numbers, b: Numbers): number {
  for (const [i, number] of a.entries()) {
    if (number !== b[i]) return number - (b[i] ?? 0);
  }
  return 0;
}

/**
 * What of a run's `requires` some code lacks, in words; null where it has all.
 *
 * @param has absent where nothing of the owner's own is there.
 */
export function missingCode(requires: RequiredCode | undefined, has: ClientCode | undefined): string | null {
  const missing = CODE_KINDS.flatMap((kind) => {
    const wanted = requires?.[kind];
    if (wanted === undefined) return [];
    const found = has?.[kind];
    if (found !== undefined && found.name === wanted.name && isWithin(found.version, wanted.version))
      return [];
    const what = `the ${kind} ${wanted.name}${wanted.version === undefined ? "" : ` ${wanted.version}`}`;
    return [
      found === undefined ? `${what}, and has none` : `${what}, and has ${found.name} ${found.version}`,
    ];
  });
  return missing.length === 0 ? null : missing.join("; ");
}
