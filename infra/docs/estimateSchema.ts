// The JSON schema of an estimate.
import * as z from "zod";
import { Estimate } from "../../shared/core/schemas/estimate.ts";

export function estimateSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(Estimate), null, 2)}\n`;
}
