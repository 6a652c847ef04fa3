// Makes dist/cli: the command line as one file with parts that are loaded when they are needed, as an npm
// package that needs nothing beside it.
import { execFile } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { build, type Metafile } from "esbuild";
import { FlError } from "../../shared/core/errors.ts";
import { placesOf } from "./buildFunction.ts";
import { notices } from "./licences.ts";
import { type Lockfile, lockedVersions, readLockfile } from "./manifest.ts";
import { packageName } from "./packageName.ts";
import { SUMS_FILE, sums } from "./provenance.ts";
import { requireBanner } from "./requireBanner.ts";
import { sbom } from "./sbom.ts";
import { writeFolder } from "./writeFolder.ts";

export interface CliBundle {
  /** Absolute; `npm install -g` takes it. */
  readonly dir: string;
  /** Of what every command loads. */
  readonly firstBytes: number;
  readonly sizeBytes: number;
  /** The packages that are part of what every command loads. */
  readonly firstPackages: readonly string[];
}

/** What `--help` may load: more would be felt at every call. */
const FIRST_KIB = 260;
const FIRST_PACKAGES: ReadonlySet<string> = new Set(["commander"]);

/**
 * Packages that are large or native, and that only some exports use. npm installs them beside it where it
 * can; an export that needs one that is missing names it.
 */
const OUTSIDE = ["@node-rs/crc32", "@tensorflow/tfjs", "@tensorflow/tfjs-backend-wasm", "h5wasm"];
/** Exports work without it. */
const NOT_TAKEN = ["@tensorflow/tfjs-node"];

const ENTRY = "infra/fedstratus/main.ts";
const OUT = "dist/cli";

/**
 * Same input, same bytes.
 *
 * @throws FlError("failed-precondition") where every command would load more than it may; nothing is written
 *   then
 */
export async function bundleCli(root: string, dir = join(root, OUT)): Promise<CliBundle> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: { fedstratus: ENTRY },
    outdir: OUT,
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    target: "node22",
    chunkNames: "parts/[name]-[hash]",
    banner: requireBanner,
    // One of them is asked for inside another.
    external: [...OUTSIDE, ...NOT_TAKEN].flatMap((name) => [name, `${name}/*`]),
    legalComments: "none",
    metafile: true,
    write: false,
    logLevel: "silent",
  });
  const first = firstLoaded(metafile);
  const problems = firstProblems(first);
  if (problems.length > 0) throw new FlError("failed-precondition", problems.join("\n"));
  const lockfile = await readLockfile(root);
  const described = await manifest(root, lockfile);
  const bundled = placesOf(Object.keys(metafile.inputs));
  const installed: Lockfile = { packages: {} };
  const contents = { lockfile, installed, bundled, hasNative: false };
  const code = outputFiles.map(
    ({ path, contents: bytes }) => [path.slice(join(root, OUT).length + 1), bytes] as const,
  );
  await mkdir(dirname(dir), { recursive: true });
  await writeFolder(dir, {
    ...Object.fromEntries(code),
    LICENSE: await readFile(join(root, "LICENSE")),
    "THIRD_PARTY_NOTICES.txt": Buffer.from(await notices({ root, ...contents })),
    "sbom.cdx.json": Buffer.from(
      sbom({ name: "fedstratus", version: String(described["version"]), ...contents }),
    ),
    "package.json": Buffer.from(`${JSON.stringify(described, null, 2)}\n`),
  });
  const sizeBytes = code.reduce((sum, [, bytes]) => sum + bytes.byteLength, 0);
  return { dir, sizeBytes, firstBytes: first.sizeBytes, firstPackages: first.packages };
}

/**
 * The archive that `npm install -g` takes, and its sum in SHA256SUMS beside it; a signature of another one
 * goes. @returns its path
 */
export async function packCli(dir: string, outDir: string): Promise<string> {
  await mkdir(outDir, { recursive: true });
  const { stdout } = await promisify(execFile)("npm", ["pack", dir, "--pack-destination", outDir, "--json"], {
    cwd: dir,
  });
  const [packed] = JSON.parse(stdout);
  const name = String(Object(packed).filename);
  await rm(join(outDir, `${SUMS_FILE}.sig`), { force: true });
  await writeFile(join(outDir, SUMS_FILE), sums({ [name]: await readFile(join(outDir, name)) }));
  return join(outDir, name);
}

interface First {
  readonly sizeBytes: number;
  readonly packages: readonly string[];
}

/** What loads before a command is chosen: the entry, and all that it imports outright. */
function firstLoaded({ outputs }: Metafile): First {
  const seen = new Set([`${OUT}/fedstratus.js`]);
  for (const path of seen) {
    for (const { path: imported, kind, external } of outputs[path]?.imports ?? []) {
      if (kind !== "dynamic-import" && external !== true) seen.add(imported);
    }
  }
  const inputs = [...seen].flatMap((path) => Object.keys(outputs[path]?.inputs ?? {}));
  const places = inputs.filter((input) => input.includes("node_modules/"));
  const names = places.flatMap((input) => packageName(input.split("node_modules/").at(-1) ?? "") ?? []);
  return {
    sizeBytes: [...seen].reduce((sum, path) => sum + (outputs[path]?.bytes ?? 0), 0),
    packages: [...new Set(names)].toSorted(),
  };
}

function firstProblems({ sizeBytes, packages }: First): readonly string[] {
  const strange = packages.filter((name) => !FIRST_PACKAGES.has(name));
  return [
    ...(sizeBytes > FIRST_KIB * 1024
      ? [`fedstratus: every command loads ${sizeBytes} bytes, more than its budget of ${FIRST_KIB} KiB`]
      : []),
    ...strange.map((name) => `fedstratus: every command loads ${name}: import it where it is used`),
  ];
}

async function manifest(root: string, lockfile: Lockfile): Promise<Readonly<Record<string, unknown>>> {
  const { name, version, description, license } = JSON.parse(
    await readFile(join(root, "package.json"), "utf8"),
  );
  return {
    name,
    version,
    description,
    license,
    type: "module",
    bin: { fedstratus: "fedstratus.js" },
    engines: { node: ">=22.12" },
    optionalDependencies: lockedVersions(lockfile, OUTSIDE),
  };
}
