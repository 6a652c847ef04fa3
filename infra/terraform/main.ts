// Derives googleSchema.json and timeSchema.json, the schemas of the resource types that terraform/ uses, from
// the packages that HashiCorp generated of its providers. Run by hand when a resource type is added:
//   npm install --prefix /tmp/cdktf --ignore-scripts --legacy-peer-deps @cdktf/provider-google@16.12.1 \
//     @cdktf/provider-time@11.0.1
//   node infra/terraform/main.ts /tmp/cdktf && npm run format
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FlError } from "../../shared/core/errors.ts";
import type { Attribute, Block, CtyType, NestedBlock, ProviderSchema } from "./schema.ts";

/** The providers that those versions of the packages were generated from. */
const providers = [
  {
    name: "google",
    version: "6.50.0",
    attributes: [
      "billing_project",
      "project",
      "region",
      "default_labels",
      "impersonate_service_account",
      "user_project_override",
    ],
  },
  { name: "time", version: "0.13.1", attributes: [] },
] as const;

const scalar: Readonly<Record<string, CtyType>> = {
  string: "string",
  number: "number",
  boolean: "bool",
  stringMap: ["map", "string"],
  numberMap: ["map", "number"],
  booleanMap: ["map", "bool"],
  stringList: ["list", "string"],
  numberList: ["list", "number"],
};
const getter: Readonly<Record<string, CtyType>> = {
  String: "string",
  Number: "number",
  Boolean: "bool",
  List: ["list", "string"],
  NumberList: ["list", "number"],
  StringMap: ["map", "string"],
  NumberMap: ["map", "number"],
  BooleanMap: ["map", "bool"],
};

/** What `xToHclTerraform` and `synthesizeHclAttributes` say about a field. */
interface HclField {
  readonly isBlock: boolean;
  readonly kind: string;
  readonly storage: string;
}

interface GeneratedClass {
  readonly base: string;
  readonly text: string;
}

interface GeneratedFile {
  readonly classes: ReadonlyMap<string, GeneratedClass>;
  readonly hcl: ReadonlyMap<string, ReadonlyMap<string, HclField>>;
}

function parseFile(source: string): GeneratedFile {
  const heads = [...source.matchAll(/^class (\w+) extends cdktf\.(\w+) \{$/gm)];
  const classes = new Map(
    heads.map(({ 1: name = "", 2: base = "", index }, position) => [
      name,
      { base, text: source.slice(index, heads[position + 1]?.index) },
    ]),
  );
  const functions = source.matchAll(/^function (\w+)ToHclTerraform\(struct\) \{([\s\S]*?)^\}/gm);
  return { classes, hcl: new Map([...functions].map(([, name = "", body = ""]) => [name, hclFields(body)])) };
}

function hclFields(text: string): ReadonlyMap<string, HclField> {
  const pattern =
    /^\s+(\w+): \{\n\s+value: [^\n]*\n\s+isBlock: (true|false),\n\s+type: "(\w+)",\n\s+storageClassType: "([^"]+)"/gm;
  return new Map(
    [...text.matchAll(pattern)].map(([, name = "", isBlock, kind = "", storage = ""]) => [
      name,
      { isBlock: isBlock === "true", kind, storage },
    ]),
  );
}

function blockOf(text: string, hcl: ReadonlyMap<string, HclField>, file: GeneratedFile): Block {
  const attributes: Record<string, Attribute> = plainAttributes(text, hcl);
  const blocks: Record<string, NestedBlock> = {};
  const nested =
    /\/\/ (\w+) - computed: (true|false), optional: (true|false), required: (true|false)\n\s+this\._\w+ = new ([\w.]+)\(this, "\w+"(?:, (true|false))?\)/g;
  for (const [, name = "", computed, optional, required, maker = "", wrapsSet] of text.matchAll(nested)) {
    const field = hcl.get(name);
    const flags = {
      required: required === "true",
      optional: optional === "true",
      computed: computed === "true" || field === undefined,
    };
    const isSet = wrapsSet === "true" || field?.kind === "set";
    if (maker.startsWith("cdktf.")) {
      const type: CtyType = maker === "cdktf.StringMapList" ? ["list", ["map", "string"]] : ["map", "string"];
      attributes[name] = { type, ...flags };
      continue;
    }
    const stem = maker.replace(/(OutputReference|List|Map)$/, "");
    const child = childBlock(stem, file);
    if (field?.isBlock === true) {
      const single = name === "timeouts";
      const many = /(List|Map)$/.test(maker) && file.classes.get(maker)?.base !== "ComplexObject";
      blocks[name] = {
        nesting: single ? "SINGLE" : isSet ? "SET" : "LIST",
        minItems: flags.required ? 1 : 0,
        maxItems: single || many ? 0 : 1,
        block: child,
      };
    } else {
      attributes[name] = { type: [isSet ? "set" : "list", objectType(child)], ...flags };
    }
  }
  return { attributes, blocks };
}

/** Required: a setter without a reset. Computed: no setter. */
function plainAttributes(text: string, hcl: ReadonlyMap<string, HclField>): Record<string, Attribute> {
  const found: Record<string, Attribute> = {};
  for (const [, property = "", expression = ""] of text.matchAll(
    /^ {4}get (\w+)\(\) \{\n\s+return ([^\n]+);/gm,
  )) {
    const [, kind = "", name = ""] = /get(\w+?)Attribute\('(\w+)'\)/.exec(expression) ?? [];
    const fromGetter = getter[kind];
    if (fromGetter === undefined) continue;
    const hasSetter = text.includes(`    set ${property}(value)`);
    const hasReset = text.includes(`    reset${property.charAt(0).toUpperCase()}${property.slice(1)}()`);
    const field = hcl.get(name);
    let type: CtyType = (field === undefined ? undefined : scalar[field.storage]) ?? fromGetter;
    const isSet = field?.kind === "set" || expression.includes("Fn.tolist");
    if (isSet && typeof type !== "string") type = ["set", "string"];
    found[name] = {
      type,
      required: hasSetter && !hasReset,
      optional: hasReset,
      computed: !hasSetter || name === "id",
    };
  }
  return found;
}

function childBlock(stem: string, file: GeneratedFile): Block {
  const text = file.classes.get(`${stem}OutputReference`)?.text;
  const hclName = `${stem.charAt(0).toLowerCase()}${stem.slice(1)}`;
  return text === undefined
    ? { attributes: {}, blocks: {} }
    : blockOf(text, file.hcl.get(hclName) ?? new Map(), file);
}

function objectType({ attributes, blocks }: Block): CtyType {
  const own = Object.entries(attributes).map(([name, { type }]) => [name, type] as const);
  const nested = Object.entries(blocks).map(([name, { nesting, block }]): [string, CtyType] => [
    name,
    nesting === "SINGLE" ? objectType(block) : [nesting === "SET" ? "set" : "list", objectType(block)],
  ]);
  return ["object", Object.fromEntries([...own, ...nested])];
}

function schemaOf(source: string, base: string): { readonly type: string; readonly block: Block } {
  const file = parseFile(source);
  const [name, made] = [...file.classes].find(([, one]) => one.base === base) ?? [];
  if (name === undefined || made === undefined) throw new FlError("not-found", `There is no ${base} in it.`);
  const hcl = hclFields(/synthesizeHclAttributes\(\) \{([\s\S]*?)\n {4}\}/.exec(made.text)?.[1] ?? "");
  const type = new RegExp(`${name}\\.tfResourceType = "(\\w+)"`).exec(source)?.[1] ?? "";
  return { type, block: blockOf(made.text, hcl, file) };
}

/** A provider's own attributes are all optional, and its getters hide their types. */
function providerBlock(source: string, wanted: readonly string[]): Block {
  const file = parseFile(source);
  const text = [...file.classes.values()].find(({ base }) => base === "TerraformProvider")?.text ?? "";
  const fields = hclFields(/synthesizeHclAttributes\(\) \{([\s\S]*?)\n {4}\}/.exec(text)?.[1] ?? "");
  const attributes = wanted.map((name): [string, Attribute] => {
    const type = scalar[fields.get(name)?.storage ?? ""];
    if (type === undefined) throw new FlError("not-found", `The provider has no ${name}.`);
    return [name, { type, required: false, optional: true, computed: false }];
  });
  return { attributes: Object.fromEntries(attributes), blocks: {} };
}

/** Every resource type of a provider that a .tf file below `folder` declares. */
function usedTypes(folder: string, provider: string): readonly string[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) =>
    path.endsWith(".tf"),
  );
  const text = files.map((path) => readFileSync(join(folder, path), "utf8")).join("\n");
  const found = text.matchAll(new RegExp(`^resource "(${provider}_\\w+)"`, "gm"));
  return [...new Set([...found].map(([, type = ""]) => type))].toSorted();
}

const [prefix] = process.argv.slice(2);
if (prefix === undefined) throw new FlError("invalid-argument", "usage: node infra/terraform/main.ts FOLDER");
for (const { name, version, attributes } of providers) {
  const library = join(prefix, "node_modules", "@cdktf", `provider-${name}`, "lib");
  const read = (folder: string) => readFileSync(join(library, folder, "index.js"), "utf8");
  const resources = usedTypes(join(import.meta.dirname, "../../terraform"), name).map((type) => {
    const folder = type.replace(`${name}_`, "").replaceAll("_", "-");
    const made = schemaOf(read(folder), "TerraformResource");
    if (made.type !== type) throw new FlError("internal", `${type} was found as ${made.type}.`);
    return [type, made.block] as const;
  });
  const schema: ProviderSchema = {
    version,
    provider: providerBlock(read("provider"), attributes),
    resources: Object.fromEntries(resources),
  };
  writeFileSync(join(import.meta.dirname, `${name}Schema.json`), `${JSON.stringify(schema)}\n`);
}
