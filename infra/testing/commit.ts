// The commit that is checked out, and how many came before it.
import { execFileSync } from "node:child_process";
import type { Commit } from "./tiers.ts";

/** Null where there is no repository: the sources were unpacked from an archive. */
export function readCommit(): Commit | null {
  const git = (...args: string[]) =>
    execFileSync("git", args, { cwd: import.meta.dirname, encoding: "utf8", stdio: "pipe" }).trim();
  try {
    const isShallow = git("rev-parse", "--is-shallow-repository") !== "false";
    const count = isShallow ? null : Number(git("rev-list", "--count", "HEAD"));
    return { hash: git("rev-parse", "HEAD"), count };
  } catch {
    return null;
  }
}
