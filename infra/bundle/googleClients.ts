// Google's client libraries as part of a bundle. In node_modules Firestore's alone is some 450 files, a third
// of whose bytes are classes of messages that no function uses; in the bundle it is a few files that load
// with the first call. They are built once, for all functions.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, relative } from "node:path";
import { build, type Metafile, type Plugin } from "esbuild";
import { neededMessages } from "./neededMessages.ts";
import { requireBanner } from "./requireBanner.ts";

/** Those that functions import, with what they take of each; what the libraries import comes along. */
const CLIENTS: Readonly<Record<string, readonly string[]>> = {
  "@google-cloud/firestore": ["FieldPath", "Firestore", "Timestamp"],
  "@google-cloud/storage": ["IdempotencyStrategy", "Storage"],
  "@google-cloud/tasks": ["CloudTasksClient"],
  "@grpc/grpc-js": ["credentials"],
};

/** How a bundle's files name them, and its package.json where they are. */
export const CLIENT_IMPORTS = { "#google/*": "./google/*.mjs" };

function aliasOf(client: string): string {
  return `#google/${client.split("/").at(-1)}`;
}

/** The package that a bundle's file imports under this name; null for another's. */
export function clientOf(alias: string): string | null {
  return Object.keys(CLIENTS).find((client) => aliasOf(client) === alias) ?? null;
}

/** Has our own code import the clients from where a bundle has them. */
export const googleClientsBeside: Plugin = {
  name: "google-clients-beside",
  setup({ onResolve }) {
    onResolve({ filter: /^@/ }, ({ path, importer }) => {
      const asked = path in CLIENTS && !/[\\/]node_modules[\\/]/.test(importer);
      return asked ? { path: aliasOf(path), external: true } : undefined;
    });
  },
};

/**
 * The libraries read and write messages by their descriptions in JSON; beside those they export every message
 * as a class, for callers who want one.
 */
const messageClasses =
  /[\\/]node_modules[\\/](?:(?:@google-cloud[\\/](?:firestore-api|tasks)|google-gax)[\\/]build[\\/]protos[\\/](?:protos|iam_service|operations|locations)\.c?js)$/;

/**
 * Descriptions of whole interfaces, with the services of each that clients connect to: they make something of
 * every message that is described.
 */
const descriptions: readonly (readonly [file: RegExp, service: string])[] = [
  [/[\\/]firestore-api[\\/]build[\\/]protos[\\/]protos\.json$/, "google.firestore.v1.Firestore"],
  [/[\\/]tasks[\\/]build[\\/]protos[\\/]protos\.json$/, "google.cloud.tasks.v2.CloudTasks"],
  [/[\\/]google-gax[\\/]build[\\/]protos[\\/]locations\.json$/, "google.cloud.location.Locations"],
  [/[\\/]google-gax[\\/]build[\\/]protos[\\/]iam_service\.json$/, "google.iam.v1.IAMPolicy"],
  [/[\\/]google-gax[\\/]build[\\/]protos[\\/]operations\.json$/, "google.longrunning.Operations"],
];

/** What `debug` takes where it happens to be installed, to colour its lines. */
const COLOURS = "supports-color";

const LEFT = "colours-left";

/** Firestore's library asks for one of them when it loads, and uses it for the options of pipelines. */
const withoutClasses = `
class Value {
  static fromObject() {
    throw new Error("This bundle leaves out message classes, which options of Firestore's pipelines need.");
  }
}
module.exports = { google: { firestore: { v1: { Value } } } };
`;

/** Versions of Cloud Tasks' interface that no function uses. */
const otherVersions = /[\\/]@google-cloud[\\/]tasks[\\/]build[\\/]cjs[\\/]src[\\/]v2beta\d[\\/]index\.cjs$/;

/** A file that reads others beside it by paths that it puts together. */
const readsFiles =
  /[\\/]@google-cloud[\\/]tasks[\\/]build[\\/]cjs[\\/]src[\\/]v2[\\/]cloud_tasks_client\.cjs$/;

/** Its three calls, with the parts of the path, as `require` by a path that bundling follows. */
function requiring(source: string, file: string): string {
  const reads = /\(0, _jsonHelper\.getJSON\)\(_path\["default"\]\.join\(dirname, ([^()]+)\)\)/g;
  const parts = (list: string) => list.split(",").map((part) => part.trim().slice(1, -1));
  const made = source.replace(
    reads,
    (_, list: string) => `require(${JSON.stringify(`./${parts(list).join("/")}`)})`,
  );
  if (made.includes("getJSON)(")) throw new Error(`${file} reads its files in another way than it did.`);
  return made;
}

const ENTRY = "google-client";

/** Leaves out the message classes, and whatever else no function uses. */
function clientsAlone(root: string): Plugin {
  const require = createRequire(join(root, "package.json"));
  return {
    name: "google-clients-alone",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^@/ }, ({ path, kind }) =>
        kind === "entry-point" ? { path, namespace: ENTRY } : undefined,
      );
      // By require: in that form the libraries name the files they need, which bundling follows. Of a file in
      // that form, import() has the default alone.
      onLoad({ filter: /.*/, namespace: ENTRY }, ({ path }) => {
        const names = (CLIENTS[path] ?? []).join(", ");
        // Relative: what the checkout's own path may hold, such as "?", has a meaning in a module's name.
        const file = relative(root, require.resolve(path)).replaceAll("\\", "/");
        const contents = `export const { ${names} } = require(${JSON.stringify(`./${file}`)});\n`;
        return { contents, resolveDir: root };
      });
      onResolve({ filter: new RegExp(`^${COLOURS}$`) }, ({ path }) => ({ path, namespace: LEFT }));
      onLoad({ filter: /.*/, namespace: LEFT }, () => ({ contents: "module.exports = {};\n" }));
      onLoad({ filter: otherVersions }, () => ({ contents: "module.exports = {};\n", loader: "js" }));
      onLoad({ filter: readsFiles }, async ({ path }) => ({
        contents: requiring(await readFile(path, "utf8"), path),
        loader: "js",
      }));
      for (const [file, service] of descriptions) {
        onLoad({ filter: file }, async ({ path }) => ({
          contents: JSON.stringify(neededMessages(JSON.parse(await readFile(path, "utf8")), [service])),
          loader: "json",
        }));
      }
      onLoad({ filter: messageClasses }, () => ({ contents: withoutClasses, loader: "js" }));
    },
  };
}

const FOLDER = "google";

interface BuiltClients {
  /** By path relative to a function's folder. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly outputs: Metafile["outputs"];
}

const builds = new Map<string, Promise<BuiltClients>>();

/**
 * The files that a bundle needs to import these clients, by path relative to its folder, and what they were
 * made of. They are built once a process, in about two seconds, and have no source maps: nobody looks for a
 * function's fault there, and they would be most of an archive.
 *
 * @throws what esbuild found wrong, with its places
 */
export async function googleClients(
  root: string,
  clients: readonly string[],
): Promise<{
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly inputs: readonly string[];
}> {
  if (clients.length === 0) return { files: {}, inputs: [] };
  const building = builds.get(root) ?? buildClients(root);
  builds.set(root, building);
  const { files, outputs } = await building;
  const needed = new Set(clients.map((client) => `${FOLDER}/${client.split("/").at(-1)}.mjs`));
  const inputs: string[] = [];
  for (const path of needed) {
    const output = outputs[path];
    inputs.push(...Object.keys(output?.inputs ?? {}));
    for (const one of output?.imports ?? []) if (one.path in outputs) needed.add(one.path);
  }
  return { files: Object.fromEntries(Object.entries(files).filter(([path]) => needed.has(path))), inputs };
}

async function buildClients(root: string): Promise<BuiltClients> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: Object.keys(CLIENTS).map((client) => ({ in: client, out: client.split("/").at(-1) ?? "" })),
    plugins: [clientsAlone(root)],
    banner: requireBanner,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node22",
    outExtension: { ".js": ".mjs" },
    splitting: true, // What two of them load is loaded once.
    chunkNames: "[name]-[hash]",
    outdir: FOLDER, // Nothing is written here.
    metafile: true,
    write: false,
    logLevel: "silent",
  });
  const start = join(root, FOLDER).length - FOLDER.length;
  const files = outputFiles.map(({ path, contents }) => [path.slice(start).replaceAll("\\", "/"), contents]);
  return { files: Object.fromEntries(files), outputs: metafile.outputs };
}
