// The types of methods.mjs.

/** See methods.mjs. */
export declare function ensureMethods(root: string): void;
