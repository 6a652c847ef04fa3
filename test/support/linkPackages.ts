// The packages of a bundle as an install of it would lay them: those that it declares, and no others.
import { mkdir, symlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Bundle } from "../../infra/bundle/bundleFunctions.ts";

const root = resolve(import.meta.dirname, "../..");

export async function linkPackages({ dir, packages }: Pick<Bundle, "dir" | "packages">): Promise<void> {
  for (const name of Object.keys(packages)) {
    const link = join(dir, "node_modules", name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(root, "node_modules", name), link);
  }
}
