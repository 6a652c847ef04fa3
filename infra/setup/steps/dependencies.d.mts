// Types of dependencies.mjs, which is plain JavaScript because it runs before TypeScript can.
export function ensureDependencies(root: string): Promise<void>;
export function isInstalled(
  wanted: Readonly<Record<string, { readonly version?: string; readonly optional?: boolean }>>,
  installed: Readonly<Record<string, { readonly version?: string }>> | undefined,
): boolean;
