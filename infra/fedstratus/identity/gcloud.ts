// An identity token by Google's command line, where it is installed and signed in.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { FlError } from "../../../shared/core/errors.ts";
import { isToken } from "./claims.ts";

export interface GcloudOptions {
  readonly audience: string;
  /** The service account to act as; absent: the one that is signed in. */
  readonly operator: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly remedy: string;
}

const TIMEOUT_MS = 30_000;

/** @throws FlError("unauthenticated") with what gcloud says, and what to do */
export async function gcloudToken({ audience, operator, env, remedy }: GcloudOptions): Promise<string> {
  const args = ["auth", "print-identity-token", `--audiences=${audience}`];
  if (operator !== undefined) args.push(`--impersonate-service-account=${operator}`, "--include-email");
  try {
    const { stdout } = await promisify(execFile)("gcloud", args, {
      env: { ...env },
      encoding: "utf8",
      timeout: TIMEOUT_MS,
    });
    const token = stdout.trim();
    if (isToken(token)) return token;
    throw new Error("it printed no token");
  } catch (cause) {
    const { code, stderr } = Object(cause);
    const why =
      code === "ENOENT"
        ? "no token is given, and gcloud is not installed"
        : `gcloud gave no token (${firstLine(typeof stderr === "string" && stderr !== "" ? stderr : String(Object(cause).message))})`;
    throw new FlError("unauthenticated", `There is no identity to call the api with: ${why}. ${remedy}`, {
      cause,
    });
  }
}

function firstLine(text: string): string {
  return text.trim().split("\n")[0]?.slice(0, 300) ?? "";
}
