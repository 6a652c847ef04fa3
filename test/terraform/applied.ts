// What a deployment consists of once it is applied by the stand-in providers: every value of every resource,
// what each waits for, and the outputs.
import * as z from "zod";
import type { PlannedResource } from "../../infra/terraform/planRules.ts";
import type { Workspace } from "../../infra/terraform/terraform.ts";
import { asArguments } from "./inputs.ts";

const Resource = z.object({
  address: z.string(),
  type: z.string(),
  values: z.record(z.string(), z.unknown()),
  depends_on: z.array(z.string()).default([]),
});
interface Module {
  readonly resources?: readonly z.infer<typeof Resource>[] | undefined;
  readonly child_modules?: readonly Module[] | undefined;
}
const Module: z.ZodType<Module> = z.object({
  resources: z.array(Resource).optional(),
  get child_modules() {
    return z.array(Module).optional();
  },
});
const State = z.object({
  values: z.object({
    root_module: Module,
    outputs: z.record(z.string(), z.object({ value: z.unknown() })).default({}),
  }),
});

export interface AppliedResource extends PlannedResource {
  /** All that is made before it, of its kind in whichever number: addresses without keys. */
  readonly waitsFor: readonly string[];
}

export interface Applied {
  readonly resources: readonly AppliedResource[];
  readonly outputs: Readonly<Record<string, unknown>>;
}

/** Applies a folder that is initialised; the state is kept apart from other calls'. */
export async function apply(
  workspace: Workspace,
  folder: string,
  inputs: Readonly<Record<string, unknown>>,
): Promise<Applied | { readonly refusal: string }> {
  const applied = await workspace.run(
    folder,
    "apply",
    "-auto-approve",
    "-no-color",
    "-lock=false",
    "-state=none.tfstate",
    "-state-out=made.tfstate",
    "-parallelism=30",
    ...asArguments(inputs),
  );
  if (applied.code !== 0) return { refusal: applied.output };
  const shown = await workspace.run(folder, "show", "-json", "made.tfstate");
  if (shown.code !== 0) return { refusal: shown.output };
  const { root_module, outputs } = State.parse(JSON.parse(shown.output)).values;
  return {
    resources: resourcesBelow(root_module)
      .map(({ address, type, values, depends_on }) => ({ address, type, values, waitsFor: depends_on }))
      .toSorted((a, b) => (a.address < b.address ? -1 : 1)),
    outputs: Object.fromEntries(Object.entries(outputs).map(([name, { value }]) => [name, value])),
  };
}

function resourcesBelow({ resources = [], child_modules = [] }: Module): readonly z.infer<typeof Resource>[] {
  return [...resources, ...child_modules.flatMap(resourcesBelow)];
}

const withoutKeys = (address: string) => address.replaceAll(/\["[^"]*"\]|\[[0-9]+\]/g, "");

/** Everything as text, a line for each value; what other tests know is left out. */
export function asText({ resources, outputs }: Applied): string {
  const waits = new Map(resources.map(({ address, waitsFor }) => [withoutKeys(address), waitsFor]));
  const parts = resources
    .filter(({ address }) => !address.includes("google_firestore_field.unindexed"))
    .map(({ address, type, values, waitsFor }) => {
      const lines = flat(values)
        .filter(([path]) => !path.startsWith("service_config.0.environment_variables."))
        .filter(([path, value]) => !isOwn(type, path, value))
        .map(([path, value]) => `  ${path} = ${JSON.stringify(value)}`);
      // Only what nothing else implies.
      const implied = new Set(waitsFor.flatMap((one) => waits.get(one) ?? []));
      const direct = waitsFor.filter((one) => !implied.has(one)).toSorted();
      return [address, ...lines, ...direct.map((one) => `  after ${one}`)].join("\n");
    });
  const lines = flat(outputs).map(([path, value]) => `output ${path} = ${JSON.stringify(value)}`);
  return `${[...parts, lines.join("\n")].join("\n\n")}\n`;
}

/** What was made up for the resource itself says nothing. */
function isOwn(type: string, path: string, value: unknown): boolean {
  return typeof value === "string" && value.startsWith(`<${path.split(".").at(-1)} of ${type} `);
}

/** Every value that there is, with its path. */
function flat(value: unknown, path: readonly string[] = []): readonly (readonly [string, unknown])[] {
  if (value === null || value === undefined) return [];
  if (typeof value !== "object") return [[path.join("."), value]];
  const found = Object.entries(value)
    .toSorted(([a], [b]) => (Array.isArray(value) ? 0 : a < b ? -1 : 1))
    .flatMap(([key, inner]) => flat(inner, [...path, key]));
  // A block that is there without a value of its own, such as ttl_config {}.
  return found.length === 0 && /\.?[0-9]+$/.test(path.join(".")) ? [[path.join("."), {}]] : found;
}
