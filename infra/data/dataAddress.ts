// A path on this machine as the address that a function's variables hold.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

/** Addresses are as they are; of a path, patterns, placeholders and the slash of a folder stay. */
export function dataAddress(given: string, cwd = process.cwd()): string {
  if (/^(gs|file):\/\//.test(given)) return given;
  const { href } = pathToFileURL(resolve(cwd, given));
  const address = href.replaceAll("%7B", "{").replaceAll("%7D", "}");
  return given.endsWith("/") && !address.endsWith("/") ? `${address}/` : address;
}
