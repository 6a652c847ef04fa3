// Profiles: deployments that a person works with, by name. They hold addresses and names, and no secrets.
import { FlError } from "../../../shared/core/errors.ts";
import { UsageError } from "../frame/failures.ts";
import { readPrivate, writePrivate } from "./privateFile.ts";

export interface Profile {
  /** The api's address, without a slash at its end. */
  readonly apiUrl: string;
  /** The service account that operators call the api as. */
  readonly operator?: string;
  readonly project?: string;
  /** The metadata server that makes tokens, as host:port; of a local cloud. */
  readonly metadataHost?: string;
}

export interface Profiles {
  /** The profile that is used where none is named. */
  readonly default: string | null;
  readonly profiles: Readonly<Record<string, Profile>>;
}

const NONE: Profiles = { default: null, profiles: {} };
const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const TEXTS = ["operator", "project", "metadataHost"] as const;

/** @throws FlError("failed-precondition") for a file that holds no profiles */
export async function readProfiles(file: string): Promise<Profiles> {
  const text = await readPrivate(file);
  return text === undefined ? NONE : profilesOf(text, file);
}

function profilesOf(text: string, file: string): Profiles {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  const { default: standard = null, profiles } = Object(json);
  const entries = Object.entries(Object(profiles)).map(([name, one]) => [name, profileOf(one)] as const);
  const isSound = typeof profiles === "object" && (standard === null || typeof standard === "string");
  if (isSound && entries.every(([name, profile]) => NAME.test(name) && profile !== null)) {
    return { default: standard, profiles: Object.fromEntries(entries) as Record<string, Profile> };
  }
  throw new FlError(
    "failed-precondition",
    `${file} holds no profiles: repair it, or remove it and add them again.`,
  );
}

function profileOf(json: unknown): Profile | null {
  const given: Record<string, unknown> = Object(json);
  const { apiUrl } = given;
  if (typeof apiUrl !== "string") return null;
  const texts = TEXTS.flatMap((key) => (typeof given[key] === "string" ? [[key, given[key]]] : []));
  return { apiUrl, ...Object.fromEntries(texts) };
}

export async function writeProfiles(file: string, profiles: Profiles): Promise<void> {
  await writePrivate(file, `${JSON.stringify(profiles, null, 2)}\n`);
}

/** With the profile, which becomes the default where there is none. */
export function withProfile(
  { default: standard, profiles }: Profiles,
  name: string,
  added: Profile,
): Profiles {
  return { default: standard ?? name, profiles: { ...profiles, [name]: added } };
}

/** Without the profile; where it was the default, there is none any more. */
export function withoutProfile({ default: standard, profiles }: Profiles, name: string): Profiles {
  const { [name]: _removed, ...others } = profiles;
  return { default: standard === name ? null : standard, profiles: others };
}

/** @throws UsageError for a name that no profile can have */
export function profileName(text: string): string {
  if (NAME.test(text)) return text;
  throw new UsageError(
    "A profile's name must be 1 to 63 lower-case letters, digits and inner hyphens, such as production.",
  );
}

/** @throws FlError("not-found") naming those that there are */
export function namedProfile({ profiles }: Profiles, name: string): Profile {
  const found = Object.hasOwn(profiles, name) ? profiles[name] : undefined;
  if (found !== undefined) return found;
  const known = Object.keys(profiles).join(", ") || "none";
  throw new FlError(
    "not-found",
    `There is no profile ${name}. There are: ${known}. Add one with fedstratus profile add.`,
  );
}

/** An address to call, without a slash at its end. @throws UsageError where it is none */
export function apiAddress(text: string, what: string): string {
  const url = URL.parse(text);
  const isPlain = url !== null && url.username === "" && url.password === "" && !/[?#]/.test(text);
  if (url !== null && isPlain && /^https?:$/.test(url.protocol)) return url.href.replace(/\/+$/, "");
  throw new UsageError(
    `${what} must be the http(s) address of an api, without user, query and fragment, such as https://api-abc-ew.a.run.app.`,
  );
}
