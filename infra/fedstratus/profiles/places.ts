// Where this program keeps what it knows of a person: profiles in the folder for settings, tokens in the one
// for caches. Both are the person's alone.
import { join } from "node:path";
import type { Io } from "../frame/io.ts";

export interface Places {
  readonly configFile: string;
  readonly cacheDir: string;
}

type Known = Pick<Io, "env" | "home" | "platform">;

export function placesOf({ env, home, platform }: Known): Places {
  const folder = (variable: string, windows: string, fallback: readonly string[]) => {
    const named = env[variable] || (platform === "win32" ? env[windows] : undefined);
    return join(named || join(home, ...fallback), "fedstratus");
  };
  return {
    configFile: join(folder("XDG_CONFIG_HOME", "APPDATA", [".config"]), "config.json"),
    cacheDir: folder("XDG_CACHE_HOME", "LOCALAPPDATA", [".cache"]),
  };
}
