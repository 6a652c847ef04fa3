// TensorFlow.js as part of a bundle. In node_modules it is some 300 files that a cold start finds, reads and
// compiles, a third of them for what no function uses; in the bundle it is a few files that load when needed.
import { createRequire, isBuiltin } from "node:module";
import { join } from "node:path";
import type { Plugin } from "esbuild";

/** Packages that become part of the bundle where TensorFlow.js does. */
const inside = /[\\/]node_modules[\\/](@tensorflow[\\/]tfjs(-[a-z-]+)?|google-protobuf|seedrandom|long)[\\/]/;

/** Parts of the union package that no function uses, and what TensorFlow.js takes where Node has no fetch. */
const left = new Set([
  "@tensorflow/tfjs-converter",
  "@tensorflow/tfjs-data",
  "@tensorflow/tfjs-backend-cpu",
  "@tensorflow/tfjs-backend-webgl",
  "node-fetch",
]);

const LEFT = "tensorflow-left";

/** Packages of which files are read where they are installed: the native library, and the WebAssembly. */
export const WITH_FILES: readonly string[] = ["@tensorflow/tfjs-node", "@tensorflow/tfjs-backend-wasm"];

/**
 * Bundles TensorFlow.js without the parts that no function uses. All that asks for it shares this one copy,
 * an owner's own layers as well: models do not know the classes of another copy.
 */
export function tensorFlowInside(root: string): Plugin {
  const require = createRequire(join(root, "package.json"));
  return {
    name: "tensorflow-inside",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^[^./]/ }, ({ path, importer }) => {
        if (!path.startsWith("@tensorflow/") && !inside.test(importer)) return undefined;
        if (isBuiltin(path)) return undefined;
        if (left.has(path)) return { path, namespace: LEFT };
        return { path: require.resolve(path === "@tensorflow/tfjs-node" ? "@tensorflow/tfjs" : path) };
      });
      onLoad({ filter: /.*/, namespace: LEFT }, () => ({ contents: "module.exports = {};\n" }));
    },
  };
}
