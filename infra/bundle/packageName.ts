// Which npm package an import specifier names.
import { isBuiltin } from "node:module";

/**
 * The package of `@scope/name/sub/path` or `name/sub/path`; null for Node's own modules and for relative
 * paths.
 */
export function packageName(specifier: string): string | null {
  if (isBuiltin(specifier) || /^[./]/.test(specifier)) return null;
  const parts = specifier.split("/");
  return parts.slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}
