// What keeps the unit project pure: its tests start nothing and listen to nothing, themselves or by what they
// import.
import type { Import, ImportTarget } from "./parseImports.ts";

const folder = "test/unit/";
/** Node's modules for processes, threads and the network. */
const builtins = /^node:(child_process|cluster|dgram|http|http2|https|net|tls|worker_threads)$/;
/** Packages that start processes or threads, or talk to services. */
const packages =
  /^(esbuild|tinypool|@google-cloud\/(firestore|storage|tasks|functions-framework)|google-gax|@grpc\/grpc-js)$/;

/**
 * One line for each unit test that reaches such a module with what it loads at its start, with the way there.
 */
export function unitTestProblems(imports: readonly Import[]): readonly string[] {
  const loaded = Map.groupBy(
    imports.filter(({ kind }) => kind === "value"),
    ({ from }) => from,
  );
  const tests = [...loaded.keys()].filter((path) => path.startsWith(folder) && path.endsWith(".test.ts"));
  return tests.toSorted().flatMap((test) => {
    const way = wayToImpure(test, loaded);
    return way === null
      ? []
      : [
          `${test} is to be pure, and loads ${way.join(" → ")}: a test that needs it belongs into test/process`,
        ];
  });
}

/**
 * The shortest way from a file to a module that a pure test does not load; null when there is none. O(files +
 * imports).
 */
function wayToImpure(
  start: string,
  loaded: ReadonlyMap<string, readonly Import[]>,
): readonly string[] | null {
  const ways = new Map<string, readonly string[]>([[start, []]]);
  // A map's new entries are visited as well: it is the queue.
  for (const [file, way] of ways) {
    for (const { to } of loaded.get(file) ?? []) {
      const impure = impureName(to);
      if (impure !== null) return [...way, impure];
      if ("file" in to && !ways.has(to.file)) ways.set(to.file, [...way, to.file]);
    }
  }
  return null;
}

function impureName(to: ImportTarget): string | null {
  if ("builtin" in to) return builtins.test(to.builtin) ? to.builtin : null;
  if ("package" in to) return packages.test(to.package) ? to.package : null;
  return null;
}
