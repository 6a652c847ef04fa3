// Types of projectNode.mjs, which is plain JavaScript because it runs before TypeScript can.
export function projectNode(root: string): Promise<string>;
export function isNewEnough(version: string): boolean;
