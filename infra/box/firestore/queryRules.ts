// placeholder
import type { StructuredQuery } from "./messages.ts";
export function checkQuery(_query: StructuredQuery): void {}
