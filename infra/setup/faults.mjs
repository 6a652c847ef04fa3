// What the operating system refuses, as one sentence: what, where, why, and what to do. Plain JavaScript, for
// the launcher too.

/** By error code: why, and what to do. */
const faults = new Map([
  ["ENOENT", ["it does not exist", "Check the path, or make its folder first"]],
  ["ENOTDIR", ["a file stands where a folder should be", "Name another place"]],
  ["EISDIR", ["it is a folder", "Name a file"]],
  ["EEXIST", ["something of another kind stands there", "Remove it, or name another place"]],
  ["ENOTEMPTY", ["it is not empty", "Empty it, or name another place"]],
  ["EACCES", ["this user does not have the rights", "Change its rights, or name another place"]],
  ["EPERM", ["this user does not have the rights", "Change its rights, or name another place"]],
  ["EROFS", ["it cannot be written to: its file system is read-only", "Name a place that can be written to"]],
  ["ENOSPC", ["the disk is full", "Free some space, or name a place on another disk"]],
  ["EDQUOT", ["this user's disk quota is used up", "Free some space, or name a place on another disk"]],
  ["EFBIG", ["the file would be too large", "Name a place on another disk"]],
  ["EIO", ["the disk answers with an error", "Name a place on another disk"]],
  ["EMFILE", ["this process has too many files open", "Raise the limit (ulimit -n) and run this again"]],
  ["ENFILE", ["this machine has too many files open", "End other programs and run this again"]],
  ["ENAMETOOLONG", ["its name is too long", "Name a shorter one"]],
  ["ELOOP", ["its links lead in a circle", "Name another place"]],
  ["EBUSY", ["another program uses it", "End that one, or name another place"]],
  ["EADDRINUSE", ["another program has this port", "End that one, and run this again"]],
  ["EADDRNOTAVAIL", ["this machine does not have this address", "Set up its loopback interface (127.0.0.1)"]],
  ["EAGAIN", ["this machine can start no more processes", "End other programs and run this again"]],
  ["ENOMEM", ["this machine has too little memory left", "End other programs and run this again"]],
]);

/**
 * The sentence for an error of the operating system; undefined for any other error.
 *
 * @param {unknown} error
 * @returns {string | undefined}
 */
export function sentenceOf(error) {
  if (!(error instanceof Error)) return undefined;
  const [why, remedy] = faults.get(error.code) ?? [];
  if (why === undefined) return undefined;
  if (error.syscall?.startsWith("spawn") && (error.code === "ENOENT" || error.code === "EACCES")) {
    return `"${error.path}" cannot be started: it is not installed, or not in PATH. Install it and run this again.`;
  }
  const place = error.port === undefined ? (error.dest ?? error.path) : `${error.address}:${error.port}`;
  const unnamed = String(error.code).startsWith("EADDR") ? "An address" : "A file";
  return `${place ?? unnamed} cannot be used: ${why}. ${remedy}.`;
}

/**
 * Only why: "the disk is full"; an error's own words where that is not known.
 *
 * @param {unknown} error
 * @returns {string}
 */
export function whyNot(error) {
  const [why] = faults.get(error?.code) ?? [];
  return why ?? (error instanceof Error ? error.message : String(error));
}
