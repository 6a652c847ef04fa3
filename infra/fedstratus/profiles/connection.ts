// Which deployment a command is for: options come before the environment, that before what the folder says,
// and that before the person's default.
import { join } from "node:path";
import { FlError } from "../../../shared/core/errors.ts";
import { readPrivate } from "./privateFile.ts";
import { apiAddress, namedProfile, type Profile, type Profiles, readProfiles } from "./profiles.ts";

export interface Connection extends Profile {
  /** Null where an address was given in its place. */
  readonly profile: string | null;
  /** What has decided. */
  readonly from: string;
}

export interface ConnectionOptions {
  readonly profile?: string | undefined;
  readonly api?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly configFile: string;
}

/** @throws FlError("failed-precondition") where nothing says which */
export async function connectionOf(options: ConnectionOptions): Promise<Connection> {
  const { env, api, cwd, configFile } = options;
  const given = named("FEDSTRATUS_API", env) ?? named("API_URL", env);
  const isByEnv = options.profile === undefined && named("FEDSTRATUS_PROFILE", env) === undefined;
  const metadata = named("GCE_METADATA_HOST", env);
  if (api !== undefined || (given !== undefined && isByEnv)) {
    const [address, from] = api === undefined ? [given?.[1] ?? "", given?.[0] ?? ""] : [api, "--api"];
    return {
      profile: null,
      from,
      apiUrl: apiAddress(address, from),
      ...textOf("operator", named("FEDSTRATUS_OPERATOR", env)?.[1]),
      ...textOf("metadataHost", metadata?.[1]),
    };
  }
  const profiles = await readProfiles(configFile);
  const [name, from] = await nameOf(options, cwd, profiles);
  return { profile: name, from, ...namedProfile(profiles, name) };
}

async function nameOf(
  { profile, env }: ConnectionOptions,
  cwd: string,
  profiles: Profiles,
): Promise<readonly [name: string, from: string]> {
  if (profile !== undefined) return [profile, "--profile"];
  const byEnv = named("FEDSTRATUS_PROFILE", env);
  if (byEnv !== undefined) return [byEnv[1], byEnv[0]];
  const file = join(cwd, ".fedstratus", "config.json");
  const byFolder = folderProfile(await readPrivate(file));
  if (byFolder !== undefined) return [byFolder, file];
  if (profiles.default !== null) return [profiles.default, "the default profile"];
  throw new FlError(
    "failed-precondition",
    "It is not known which deployment to use: add one with fedstratus profile add NAME --api URL, or name its address by --api.",
  );
}

function folderProfile(text: string | undefined): string | undefined {
  try {
    const { profile } = Object(JSON.parse(text ?? "null"));
    return typeof profile === "string" ? profile : undefined;
  } catch {
    return undefined;
  }
}

function named(
  variable: string,
  env: ConnectionOptions["env"],
): readonly [name: string, value: string] | undefined {
  const value = env[variable]?.trim();
  return value === undefined || value === "" ? undefined : [variable, value];
}

function textOf(key: string, value: string | undefined): Readonly<Record<string, string>> {
  return value === undefined ? {} : { [key]: value };
}
