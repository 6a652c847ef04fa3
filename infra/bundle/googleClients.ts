// Google's client libraries as part of a bundle. In node_modules Firestore's alone is some 450 files, a third
// of whose bytes are classes of messages that no function uses; in the bundle it is one file that loads with
// the first call.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Plugin } from "esbuild";

/** Those that functions import, with what they take of each; what the libraries import comes along. */
const CLIENTS: Readonly<Record<string, readonly string[]>> = {
  "@google-cloud/firestore": ["FieldPath", "Firestore", "Timestamp"],
  "@google-cloud/storage": ["IdempotencyStrategy", "Storage"],
  "@google-cloud/tasks": ["CloudTasksClient"],
  "@grpc/grpc-js": ["credentials"],
};

const TAKEN = "google-client";

/**
 * The libraries read and write messages by their descriptions in JSON; beside those they export every message
 * as a class, for callers who want one.
 */
const messageClasses =
  /[\\/]node_modules[\\/](?:(?:@google-cloud[\\/](?:firestore-api|tasks)|google-gax)[\\/]build[\\/]protos[\\/](?:protos|iam_service|operations|locations)\.c?js)$/;

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

/** Bundles Google's client libraries without the message classes that no function uses. */
export function googleClientsInside(root: string): Plugin {
  const require = createRequire(join(root, "package.json"));
  return {
    name: "google-clients-inside",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^@/ }, ({ path, importer, namespace }) => {
        const asked = path in CLIENTS && namespace !== TAKEN && !/[\\/]node_modules[\\/]/.test(importer);
        return asked ? { path, namespace: TAKEN } : undefined;
      });
      // By require: in that form the libraries name the files they need, which bundling follows. Of a file in
      // that form, import() has the default alone.
      onLoad({ filter: /.*/, namespace: TAKEN }, ({ path }) => {
        const names = (CLIENTS[path] ?? []).join(", ");
        const contents = `export const { ${names} } = require(${JSON.stringify(require.resolve(path))});\n`;
        return { contents, resolveDir: root };
      });
      onResolve({ filter: new RegExp(`^${COLOURS}$`) }, ({ path }) => ({ path, namespace: LEFT }));
      onLoad({ filter: /.*/, namespace: LEFT }, () => ({ contents: "module.exports = {};\n" }));
      onLoad({ filter: otherVersions }, () => ({ contents: "module.exports = {};\n", loader: "js" }));
      onLoad({ filter: readsFiles }, async ({ path }) => ({
        contents: requiring(await readFile(path, "utf8"), path),
        loader: "js",
      }));
      onLoad({ filter: messageClasses }, () => ({ contents: withoutClasses, loader: "js" }));
    },
  };
}
