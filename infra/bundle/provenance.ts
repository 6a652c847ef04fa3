// Where the archives come from: an in-toto statement with SLSA provenance
// (https://slsa.dev/spec/v1.0/provenance), the sums of all files, and their signature. A signature is
// OpenSSH's own (`ssh-keygen -Y`): partners have the tool, and no key of ours is stored.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { access, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { FlError } from "../../shared/core/errors.ts";

export const SUMS_FILE = "SHA256SUMS";
export const PROVENANCE_FILE = "provenance.json";
/** What a signature is for; one made for something else, such as git, is not valid here. */
const SIGNATURE_NAMESPACE = "fedstratus-archives";

/** What was bundled. */
export interface Source {
  /** Null where the folder is not a clone, such as an unpacked release. */
  readonly commit: string | null;
  /** Whether files differ from the commit's. */
  readonly isModified: boolean;
  readonly lockfileSha256: string;
  /** Versions of what made the bundles. */
  readonly tools: Readonly<Record<string, string>>;
}

const run = promisify(execFile);

export async function readSource(root: string, tools: Source["tools"]): Promise<Source> {
  const git = async (...args: readonly string[]) => (await run("git", args, { cwd: root })).stdout.trim();
  const commit = await git("rev-parse", "HEAD").catch(() => null);
  const isModified = commit !== null && (await git("status", "--porcelain")) !== "";
  return {
    commit,
    isModified,
    lockfileSha256: sha256(await readFile(join(root, "package-lock.json"))),
    tools,
  };
}

/** The statement of where these files come from. */
export function provenance(files: Readonly<Record<string, Uint8Array>>, source: Source): Uint8Array {
  const { commit, isModified, lockfileSha256, tools } = source;
  const statement = {
    _type: "https://in-toto.io/Statement/v1",
    subject: Object.entries(files).map(([name, bytes]) => ({ name, digest: { sha256: sha256(bytes) } })),
    predicateType: "https://slsa.dev/provenance/v1",
    predicate: {
      buildDefinition: {
        buildType: "urn:fedstratus:bundle:v1",
        externalParameters: { command: "npm run bundle" },
        resolvedDependencies: [
          ...(commit === null
            ? []
            : [{ name: "source", digest: { gitCommit: commit }, annotations: { isModified } }]),
          { name: "package-lock.json", digest: { sha256: lockfileSha256 } },
        ],
      },
      runDetails: { builder: { id: "urn:fedstratus:infra-bundle", version: tools } },
    },
  };
  return Buffer.from(`${JSON.stringify(statement, null, 2)}\n`);
}

/** In the form that `sha256sum --check` reads. */
export function sums(files: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const lines = Object.keys(files)
    .toSorted()
    .map((name) => `${sha256(files[name] ?? new Uint8Array())}  ${name}\n`);
  return Buffer.from(lines.join(""));
}

/** Looked at before the work: @throws FlError("invalid-argument") where there is no such file. */
export async function checkKey(key: string): Promise<void> {
  await access(key).catch((cause: unknown) => {
    throw new FlError(
      "invalid-argument",
      `There is no key ${key} to sign with: give --sign the file of an SSH key, such as one made by ssh-keygen -t ed25519.`,
      { cause },
    );
  });
}

/**
 * Signs the sums of a folder of archives, into SHA256SUMS.sig beside them. `ssh-keygen` may ask for the key's
 * passphrase, or use the agent where the file is a public key.
 *
 * @throws FlError("failed-precondition") where it does not sign
 */
export async function signSums(folder: string, key: string): Promise<string> {
  const file = join(folder, SUMS_FILE);
  const args = ["-Y", "sign", "-f", key, "-n", SIGNATURE_NAMESPACE, file];
  await rm(`${file}.sig`, { force: true }); // ssh-keygen would ask whether to overwrite it.
  try {
    await run("ssh-keygen", args);
  } catch (cause) {
    const why = cause instanceof Error && "stderr" in cause ? String(cause.stderr).trim() : String(cause);
    throw new FlError("failed-precondition", `${file} cannot be signed with ${key}: ${why}`, { cause });
  }
  return `${file}.sig`;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
