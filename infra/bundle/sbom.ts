// The software bill of materials of an archive: CycloneDX 1.6 as JSON (https://cyclonedx.org/docs/1.6/json/).
// It holds no time and no random number: the same archive has the same bytes.
import { nodeApiHeaders, type PinnedFile, TENSORFLOW_VERSION, tensorflowWheel } from "../native/pins.ts";
import { type LockedPackage, type Lockfile, nameOf } from "./manifest.ts";
import { dependenciesOf } from "./pruneLockfile.ts";

export interface SbomOptions {
  /** Of the function, such as `fedstratus-client`. */
  readonly name: string;
  readonly version: string;
  /** The function's own lockfile: what its build installs. */
  readonly installed: Lockfile;
  /** The repository's, with what is part of the bundle. */
  readonly lockfile: Lockfile;
  /** The places of packages that are part of the bundle, such as `node_modules/zod`. */
  readonly bundled: readonly string[];
  readonly hasNative: boolean;
}

interface Component {
  readonly type: "library";
  readonly "bom-ref": string;
  readonly name: string;
  readonly version: string;
  readonly scope: "required" | "optional" | "excluded";
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly licenses?: readonly { readonly expression: string }[];
  readonly purl: string;
  readonly properties?: readonly { readonly name: string; readonly value: string }[];
}

export function sbom(options: SbomOptions): string {
  const { name, version, installed, lockfile, bundled, hasNative } = options;
  const places = Object.keys(installed.packages).filter((place) => place !== "");
  const components = byRef([
    ...bundled.map((place) => component(place, lockfile, "part of the archive")),
    ...places.map((place) => component(place, installed, "installed by its build")),
    ...(hasNative ? fetched() : []),
  ]);
  const refs = (found: readonly string[], from: Lockfile) => found.map((place) => purlOf(place, from));
  const ownRefs = [
    ...refs(dependenciesOf("", installed), installed),
    ...refs(bundled, lockfile),
    ...(hasNative ? fetched().map((one) => one.purl) : []),
  ];
  const dependencies = new Map([[name, new Set(ownRefs)]]);
  for (const place of places) {
    const ref = purlOf(place, installed);
    const known = dependencies.get(ref) ?? new Set();
    dependencies.set(ref, new Set([...known, ...refs(dependenciesOf(place, installed), installed)]));
  }
  const content = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        type: "application",
        "bom-ref": name,
        name,
        version,
        licenses: [{ expression: "Apache-2.0" }],
      },
    },
    components,
    dependencies: [...dependencies].map(([ref, on]) => ({ ref, dependsOn: [...on].toSorted() })),
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

function component(place: string, from: Lockfile, how: string): Component {
  const entry = from.packages[place] ?? {};
  return {
    type: "library",
    "bom-ref": purlOf(place, from),
    name: nameOf(place),
    version: entry.version ?? "",
    scope: entry.optional === true ? "optional" : "required",
    ...hashesOf(entry),
    ...(entry.license === undefined ? {} : { licenses: [{ expression: entry.license }] }),
    purl: purlOf(place, from),
    properties: [{ name: "fedstratus:how", value: how }],
  };
}

/** What the build of a function with native TensorFlow takes besides npm's packages. */
function fetched(): readonly Component[] {
  const of = (purl: string, version: string, license: string, file: PinnedFile): Component => ({
    type: "library",
    "bom-ref": purl,
    name: file.name.split(/[-_]\d/)[0]?.replaceAll("_", "-") ?? file.name,
    version,
    scope: "required",
    hashes: [{ alg: "SHA-256", content: file.sha256 }],
    licenses: [{ expression: license }],
    purl,
    properties: [{ name: "fedstratus:how", value: "fetched by its build, by its hash" }],
  });
  const headersVersion = /-(\d[\d.]*\d)\.tgz$/.exec(nodeApiHeaders.name)?.[1] ?? "";
  return [
    of(`pkg:pypi/tensorflow-cpu@${TENSORFLOW_VERSION}`, TENSORFLOW_VERSION, "Apache-2.0", tensorflowWheel),
    of(`pkg:npm/node-api-headers@${headersVersion}`, headersVersion, "MIT", nodeApiHeaders),
  ];
}

/** https://github.com/package-url/purl-spec: the scope is a namespace, its @ is encoded. */
function purlOf(place: string, from: Lockfile): string {
  return `pkg:npm/${nameOf(place).replace("@", "%40")}@${from.packages[place]?.version ?? ""}`;
}

/** npm's checksums are base64, CycloneDX's hexadecimal. */
function hashesOf({ integrity }: LockedPackage): Pick<Component, "hashes"> {
  const [, bits, digest] = /^sha(512|256|384|1)-(\S+)/.exec(integrity ?? "") ?? [];
  if (bits === undefined || digest === undefined) return {};
  return { hashes: [{ alg: `SHA-${bits}`, content: Buffer.from(digest, "base64").toString("hex") }] };
}

function byRef(components: readonly Component[]): readonly Component[] {
  const first = new Map<string, Component>();
  for (const one of components) if (!first.has(one["bom-ref"])) first.set(one["bom-ref"], one);
  return [...first.values()].toSorted((a, b) => (a["bom-ref"] < b["bom-ref"] ? -1 : 1));
}
