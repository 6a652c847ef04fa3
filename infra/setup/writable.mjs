// A checkout that this user may not write to. Once it is set up it works as any other; what would still have
// to be written is said in one sentence.
import { accessSync, constants } from "node:fs";

const refusals = new Map([
  ["EACCES", "this user may not write there"],
  ["EPERM", "this user may not write there"],
  ["EROFS", "its file system is read-only"],
]);

/**
 * Whether an error says that a place may not be written to.
 *
 * @param {unknown} error
 * @returns {boolean}
 */
export function isReadOnly(error) {
  return error instanceof Error && refusals.has(error.code);
}

/**
 * Why the checkout cannot be written to, and what to do; undefined where it can be.
 *
 * @param {string} root
 * @param {string} what is missing, as in "its packages are not installed"
 * @returns {string | undefined}
 */
export function whyReadOnly(root, what) {
  try {
    accessSync(root, constants.W_OK);
    return undefined;
  } catch (error) {
    if (!isReadOnly(error)) throw error;
    return (
      `${root} cannot be written to (${refusals.get(error.code)}), and ${what}: run this once as a user who may write ` +
      "there, or copy the checkout to a folder of yours and run it there."
    );
  }
}

/**
 * To be called before set-up writes into the checkout.
 *
 * @param {string} root
 * @param {string} what as of `whyReadOnly`
 * @throws {Error} in one sentence where the checkout may not be written to
 */
export function requireWritable(root, what) {
  const reason = whyReadOnly(root, what);
  if (reason !== undefined) throw new Error(reason);
}
