// Types of writable.mjs.
export function isReadOnly(error: unknown): boolean;
export function whyReadOnly(root: string, what: string): string | undefined;
export function requireWritable(root: string, what: string): void;
