// Whose identity token the api is called with: the first of the known places that has one.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { FlError } from "../../../shared/core/errors.ts";
import { readText } from "../../cli/files.ts";
import type { Io } from "../frame/io.ts";
import type { Connection } from "../profiles/connection.ts";
import { isToken } from "./claims.ts";
import { tokenCache } from "./tokenCache.ts";

export interface Identity {
  /** Where tokens come from, in words. */
  readonly source: string;
  readonly token: (audience: string) => Promise<string>;
}

type Known = Pick<Io, "env" | "home" | "platform" | "nowMs">;

const REMEDY =
  "Sign in with gcloud auth application-default login, or name a file that holds a token by FEDSTRATUS_TOKEN_FILE. " +
  "Of a local cloud, paste the exports that it prints.";

/**
 * FEDSTRATUS_TOKEN_FILE and FEDSTRATUS_TOKEN, a metadata server (of a local cloud, or of Google's machines),
 * application default credentials, gcloud.
 *
 * @throws FlError("unauthenticated") where there is no identity, with what to do
 */
export async function identityOf(connection: Connection, cacheDir: string, io: Known): Promise<Identity> {
  const { env } = io;
  const file = env["FEDSTRATUS_TOKEN_FILE"];
  if (file !== undefined && file !== "") {
    return {
      source: `the file ${file} (FEDSTRATUS_TOKEN_FILE)`,
      token: async () => tokenIn(await readText(file), file),
    };
  }
  const given = env["FEDSTRATUS_TOKEN"];
  if (given !== undefined && given.trim() !== "") {
    return { source: "FEDSTRATUS_TOKEN", token: async () => tokenIn(given, "FEDSTRATUS_TOKEN") };
  }
  const metadataHost = connection.metadataHost ?? (env["GCE_METADATA_HOST"] || undefined);
  if (metadataHost !== undefined) return fromMetadata(metadataHost);
  const adc = await adcFile(io);
  const cache = tokenCache(cacheDir, io.nowMs);
  if (adc !== undefined) {
    const { adcToken } = await import("../../../shared/cloud/auth/adcIdToken.ts");
    const { operator } = connection;
    return {
      source: `application default credentials${operator === undefined ? "" : ` as ${operator}`}`,
      token: (audience) =>
        cache.token(["adc", adc.text, operator ?? "", audience], () =>
          adcToken({ keyFile: adc.path, audience, operator }),
        ),
    };
  }
  const { gcloudToken } = await import("./gcloud.ts");
  const { operator } = connection;
  return {
    source: `gcloud${operator === undefined ? "" : ` as ${operator}`}`,
    token: (audience) =>
      cache.token(["gcloud", env["CLOUDSDK_CONFIG"] ?? "", operator ?? "", audience], () =>
        gcloudToken({ audience, operator, env, remedy: REMEDY }),
      ),
  };
}

async function fromMetadata(metadataHost: string): Promise<Identity> {
  const { idTokenSource } = await import("../../../shared/cloud/auth/idTokenSource.ts");
  const source = idTokenSource({ metadataHost });
  return {
    source: `the metadata server at ${metadataHost}`,
    token: (audience) => source.fetchIdToken(audience),
  };
}

function tokenIn(text: string, where: string): string {
  const token = text.trim();
  if (isToken(token)) return token;
  throw new FlError("unauthenticated", `${where} holds no identity token. ${REMEDY}`);
}

/** Where Google's libraries look for them; undefined where there are none. */
async function adcFile({
  env,
  home,
  platform,
}: Known): Promise<{ readonly path: string; readonly text: string } | undefined> {
  const named = env["GOOGLE_APPLICATION_CREDENTIALS"];
  if (named !== undefined && named !== "") return { path: named, text: await readText(named) };
  const folder =
    env["CLOUDSDK_CONFIG"] ||
    (platform === "win32" ? join(env["APPDATA"] ?? home, "gcloud") : join(home, ".config", "gcloud"));
  const path = join(folder, "application_default_credentials.json");
  const text = await readFile(path, "utf8").catch(() => undefined);
  return text === undefined ? undefined : { path, text };
}
