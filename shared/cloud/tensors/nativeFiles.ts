// Whether a function may start: with native TensorFlow required, one whose files are not there never takes a
// call.
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** What to do where a function refuses to work without native TensorFlow; part of each such message. */
export const HOW_TO_GET_NATIVE =
  "Deploy it again, whose build installs it, or set require_native_tensors to false in Terraform to work several times slower.";

/**
 * Why a function with these variables must not start; "" where it may. Looks for files only, which takes no
 * time: whether they load was found out by the function's build, and is found out again by its first call.
 *
 * @param from a module beside whose packages TensorFlow is looked for
 */
export function whyNotNative(
  env: Readonly<Record<string, string | undefined>>,
  from: string = import.meta.url,
): string {
  if (env["REQUIRE_NATIVE_TENSORS"] !== "true" || env["TRAINER"] === "test") return "";
  const found = nativeBinding(from);
  return "path" in found
    ? ""
    : `It needs native TensorFlow (REQUIRE_NATIVE_TENSORS), and ${found.missing}. ${HOW_TO_GET_NATIVE}`;
}

/**
 * The file that joins Node and the native library, or why it is not there, in words that go into a sentence.
 *
 * @param from a module beside whose packages TensorFlow is looked for
 */
export function nativeBinding(from: string): { readonly path: string } | { readonly missing: string } {
  let folder: string;
  try {
    folder = dirname(createRequire(from).resolve("@tensorflow/tfjs-node/package.json"));
  } catch {
    return { missing: "the package @tensorflow/tfjs-node is not installed" };
  }
  const lib = join(folder, "lib");
  const builds = existsSync(lib) ? readdirSync(lib) : [];
  const path = builds.map((build) => join(lib, build, "tfjs_binding.node")).find((one) => existsSync(one));
  return path === undefined
    ? { missing: "its binding was not built: the function's build went on without it" }
    : { path };
}
