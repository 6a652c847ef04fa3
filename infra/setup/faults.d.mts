// Types of faults.mjs.
export function sentenceOf(error: unknown): string | undefined;
export function whyNot(error: unknown): string;
