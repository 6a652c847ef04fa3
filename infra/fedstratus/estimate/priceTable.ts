// The price table that a person names: one of this release's, or a JSON file of their own.
import * as z from "zod";
import { operationKinds, type PriceTable, priceTables } from "../../../shared/core/cost/prices.ts";
import { FlError } from "../../../shared/core/errors.ts";
import { readText } from "../../cli/files.ts";

const Usd = z.number().min(0).max(1e6);
const UnitPrice = z.strictObject({ usd: Usd, per: z.number().min(1) });

const Table = z.strictObject({
  name: z.string().min(1),
  asOf: z.string().min(4).describe("When the prices were found."),
  source: z.string().min(1),
  billing: z.enum(["up-to-100-ms", "whole-seconds-plus-100-ms"]),
  cpu: z.union([
    z.strictObject({ kind: z.literal("vcpu"), usdPerVcpuSecond: Usd }),
    z.strictObject({
      kind: z.literal("clock"),
      usdPerGhzSecond: Usd,
      tiers: z.array(z.strictObject({ memoryMib: z.number().min(1), ghz: z.number().min(0) })).min(1),
    }),
  ]),
  usdPerGibSecond: Usd,
  requests: UnitPrice,
  operations: z.record(z.enum(operationKinds), UnitPrice),
  egress: z.strictObject({ leastUsdPerGib: Usd, mostUsdPerGib: Usd }).optional(),
});

/** @throws FlError("invalid-argument") naming every problem of the file */
export async function priceTableOf(named: string, pathOf: (file: string) => string): Promise<PriceTable> {
  const known = Object.entries<PriceTable>(priceTables).find(([name]) => name === named);
  if (known !== undefined) return known[1];
  if (!named.endsWith(".json")) {
    const names = Object.keys(priceTables).join(", ");
    throw new FlError(
      "invalid-argument",
      `There is no price table ${named}: name ${names}, or a .json file of your own.`,
    );
  }
  const parsed = Table.safeParse(jsonOf(await readText(pathOf(named)), named));
  if (parsed.success) {
    const { egress, ...table } = parsed.data;
    return egress === undefined ? table : { ...table, egress };
  }
  throw new FlError("invalid-argument", `${named} is no price table: see docs/estimate.md.`, {
    problems: parsed.error.issues.map(({ path, message }) => ({ path: path.join("."), message })),
  });
}

function jsonOf(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FlError("invalid-argument", `${file} is not JSON.`, { cause });
  }
}
