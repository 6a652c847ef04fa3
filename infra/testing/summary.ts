// What a run of the tests did not play, in lines for its end.
import { EXHAUSTIVE } from "./exhaustive.ts";
import { EIGHTHS, isExhaustive, isScaled, isSplit, propertyRuns, type TestFile, type Tier } from "./tiers.ts";

/** Empty for the full tier. */
export function notPlayed(tier: Tier, files: readonly TestFile[]): readonly string[] {
  if (tier.kind === "full") return [];
  const left = files.filter(({ path }) => path in EXHAUSTIVE);
  if (tier.kind === "eighth") {
    return [
      `Eighth ${tier.eighth} of ${EIGHTHS} of ${files.filter(isExhaustive).length} exhaustive files. ` +
        "The others: npm run test:full -- --mode eighth-N; all: npm run test:full",
    ];
  }
  const minutes = Math.round(left.reduce((sum, { path }) => sum + (EXHAUSTIVE[path] ?? 0), 0) / 60);
  const byProject = Map.groupBy(left, ({ path }) => path.split("/")[1] ?? "");
  return [
    `Not run: ${left.length} exhaustive test files, about ${minutes} minutes alone. Run them with: npm run test:full`,
    ...[...byProject].map(
      ([project, inIt]) =>
        `  ${project.padEnd(10)} ${inIt.map(({ path }) => path.split("/").slice(2).join("/").replace(".test.ts", "")).join(", ")}`,
    ),
    `Of ${files.filter(isScaled).length} files with properties, ${propertyRuns(tier, 100)} of each 100 cases were played.`,
    `One part in ${EIGHTHS} of all that: npm run test:full -- --mode eighth-1 (to eighth-${EIGHTHS}).`,
  ].filter(
    (line) =>
      !line.includes(`files with properties`) || files.some((file) => isScaled(file) && !isSplit(file.path)),
  );
}
