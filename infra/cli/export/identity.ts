// Whose identity token the command calls the api with: one that was given, or that of the local cloud's or
// the machine's metadata server.
import { idTokenSource } from "../../../shared/cloud/auth/idTokenSource.ts";
import { FlError } from "../../../shared/core/errors.ts";
import { readText } from "../files.ts";

export interface GivenIdentity {
  /** Of a file that holds a token; read again for each call, so that it may be renewed meanwhile. */
  readonly tokenFile?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Gives a token for an address that is called. */
export type TokenSource = (audience: string) => Promise<string>;

const REMEDY =
  "Set FEDSTRATUS_TOKEN to an identity token for the api's address, or name a file that holds one by --token-file; " +
  "docs/deploy.md shows how gcloud prints one. Of a local cloud, paste the exports that it prints.";

/** @throws FlError("unauthenticated") where there is no identity, with what to do */
export function tokenSource({ tokenFile, env }: GivenIdentity): TokenSource {
  if (tokenFile !== undefined) {
    return async () => {
      const token = (await readText(tokenFile)).trim();
      if (isToken(token)) return token;
      throw new FlError("unauthenticated", `${tokenFile} (--token-file) holds no identity token. ${REMEDY}`);
    };
  }
  const given = env["FEDSTRATUS_TOKEN"]?.trim();
  if (given !== undefined && given !== "") {
    if (isToken(given)) return async () => given;
    throw new FlError("unauthenticated", `FEDSTRATUS_TOKEN holds no identity token. ${REMEDY}`);
  }
  const host = env["GCE_METADATA_HOST"];
  if (host === undefined || host === "") {
    throw new FlError("unauthenticated", `There is no identity to call the api with. ${REMEDY}`);
  }
  const source = idTokenSource({ metadataHost: host });
  return (audience) => source.fetchIdToken(audience);
}

/** Three parts of a JWT; whether it is a good one is the api's to say. */
function isToken(text: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(text);
}
