// An archive says what is in it: licence texts of what is part of it, and a bill of materials of all that
// runs with it.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { type Bundle, bundleFunctions } from "../../../infra/bundle/bundleFunctions.ts";
import { notices } from "../../../infra/bundle/licences.ts";
import { type Lockfile, lockedVersions, manifest, readLockfile } from "../../../infra/bundle/manifest.ts";
import { pruneLockfile } from "../../../infra/bundle/pruneLockfile.ts";
import { sbom } from "../../../infra/bundle/sbom.ts";
import { tensorflowWheel } from "../../../infra/native/pins.ts";
import { FUNCTION_NAMES, type FunctionName } from "../../../shared/core/protocol/tasks.ts";

const root = resolve(import.meta.dirname, "../../..");
let scratch: string;
let bundles: Readonly<Record<FunctionName, Bundle>>;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "contents-"));
  bundles = await bundleFunctions({ outDir: join(scratch, "functions") });
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

const textOf = (name: FunctionName, file: string) => Buffer.from(bundles[name].files[file] ?? "").toString();

const lockfile: Lockfile = {
  packages: {
    "": { version: "0.1.0", dependencies: { outside: "1.0.0" } },
    "node_modules/inside": { version: "1.0.0", license: "MIT", integrity: "sha512-AAEC" },
    "node_modules/outside": {
      version: "1.0.0",
      license: "ISC",
      dependencies: { "@of/it": "*" },
      optionalDependencies: { "@of/other": "*" },
    },
    "node_modules/outside/node_modules/@of/it": { version: "2.0.0", license: "ISC" },
    "node_modules/@of/it": { version: "1.0.0", license: "ISC" },
    "node_modules/@of/other": { version: "1.0.0", license: "ISC", optional: true },
  },
};

describe("notices", () => {
  const options = { lockfile, installed: lockfile, bundled: ["node_modules/inside"], hasNative: false };
  const inside = () => join(scratch, "node_modules", "inside");

  it.each(["LICENSE", "license.md", "LICENCE.txt", "COPYING", "License-MIT"])(
    "takes the text of %s",
    async (file) => {
      await rm(inside(), { recursive: true, force: true });
      await mkdir(inside(), { recursive: true });
      await writeFile(join(inside(), file), "Copyright of its author\r\n");
      const text = await notices({ root: scratch, ...options });
      expect(text).toContain("inside 1.0.0: MIT\n-----------------\n\nCopyright of its author\n");
      expect(text).toContain("\n@of/it 2.0.0: ISC\n");
    },
  );

  it.each<[string, Record<string, string>]>([
    ["no file", { "licenses.js": "code", "README.md": "MIT" }],
    ["an empty file", { LICENSE: " \n" }],
  ])("names a package in the bundle that has %s", async (_, files) => {
    await rm(inside(), { recursive: true, force: true });
    await mkdir(inside(), { recursive: true });
    for (const [name, text] of Object.entries(files)) await writeFile(join(inside(), name), text);
    await expect(notices({ root: scratch, ...options })).rejects.toThrow(
      "inside is in the bundle and has no licence text",
    );
  });

  it("names an installed package that says nothing of its licence", async () => {
    const packages = { ...lockfile.packages, "node_modules/outside": { version: "1.0.0" } };
    await expect(
      notices({ root: scratch, ...options, bundled: [], installed: { packages } }),
    ).rejects.toThrow("outside is installed and names no licence");
  });
});

describe("sbom", () => {
  const made = () =>
    JSON.parse(
      sbom({
        name: "fedstratus-test",
        version: "0.1.0",
        lockfile,
        installed: lockfile,
        bundled: ["node_modules/inside"],
        hasNative: false,
      }),
    );

  it("names each package once, with its checksum in hexadecimal and its scope", () => {
    const { components } = made();
    expect(components.map((one: { purl: string }) => one.purl)).toEqual([
      "pkg:npm/%40of/it@1.0.0",
      "pkg:npm/%40of/it@2.0.0",
      "pkg:npm/%40of/other@1.0.0",
      "pkg:npm/inside@1.0.0",
      "pkg:npm/outside@1.0.0",
    ]);
    expect(components[2]).toMatchObject({ scope: "optional" });
    expect(components[3]).toMatchObject({
      scope: "required",
      hashes: [{ alg: "SHA-512", content: "000102" }],
      licenses: [{ expression: "MIT" }],
    });
  });

  it("says which package needs which, where Node finds it", () => {
    const { dependencies } = made();
    expect(dependencies).toContainEqual({
      ref: "fedstratus-test",
      dependsOn: ["pkg:npm/inside@1.0.0", "pkg:npm/outside@1.0.0"],
    });
    expect(dependencies).toContainEqual({
      ref: "pkg:npm/outside@1.0.0",
      dependsOn: ["pkg:npm/%40of/it@2.0.0", "pkg:npm/%40of/other@1.0.0"],
    });
  });
});

/** What CycloneDX 1.6 requires of the fields in use; the whole schema is not in this repository. */
const Licence = z.strictObject({ expression: z.string().regex(/^[\w.()+ -]+$/) });
const Bom = z.strictObject({
  $schema: z.literal("http://cyclonedx.org/schema/bom-1.6.schema.json"),
  bomFormat: z.literal("CycloneDX"),
  specVersion: z.literal("1.6"),
  version: z.literal(1),
  metadata: z.strictObject({
    component: z.strictObject({
      type: z.literal("application"),
      "bom-ref": z.string().min(1),
      name: z.string().min(1),
      version: z.string().regex(/^\d+\.\d+\.\d+/),
      licenses: z.array(Licence).length(1),
    }),
  }),
  components: z.array(
    z.strictObject({
      type: z.literal("library"),
      "bom-ref": z.string().min(1),
      name: z.string().min(1),
      version: z.string().regex(/^\d/),
      scope: z.enum(["required", "optional"]),
      hashes: z.array(
        z.union([
          z.strictObject({ alg: z.literal("SHA-512"), content: z.string().regex(/^[a-f0-9]{128}$/) }),
          z.strictObject({ alg: z.literal("SHA-256"), content: z.string().regex(/^[a-f0-9]{64}$/) }),
        ]),
      ),
      licenses: z.array(Licence).length(1),
      purl: z.string().regex(/^pkg:(npm|pypi)\/(%40[\w.-]+\/)?[\w.-]+@\d[\w.+-]*$/),
      properties: z.array(z.strictObject({ name: z.string(), value: z.string() })),
    }),
  ),
  dependencies: z.array(z.strictObject({ ref: z.string(), dependsOn: z.array(z.string()) })),
});

describe.each(FUNCTION_NAMES)("the archive of %s", (name) => {
  it("has a valid bill of materials, of which every part is named and none twice", () => {
    const bom = Bom.parse(JSON.parse(textOf(name, "sbom.cdx.json")));
    const refs = bom.components.map((one) => one["bom-ref"]);
    expect(new Set(refs).size).toBe(refs.length);
    const known = new Set([...refs, `fedstratus-${name}`]);
    const named = bom.dependencies.flatMap(({ ref, dependsOn }) => [ref, ...dependsOn]);
    expect(named.filter((ref) => !known.has(ref))).toEqual([]);
    expect(new Set(bom.dependencies.map(({ ref }) => ref)).size).toBe(bom.dependencies.length);
  });

  it("has in it what npm installs and what the bundler took", async () => {
    const { components } = Bom.parse(JSON.parse(textOf(name, "sbom.cdx.json")));
    const purls = new Set(components.map(({ purl }) => purl.replace("%40", "@")));
    const { packages } = JSON.parse(textOf(name, "package-lock.json")) as Lockfile;
    const installed = Object.entries(packages).filter(([place]) => place !== "");
    for (const [place, { version }] of installed) {
      expect(purls).toContain(`pkg:npm/${place.split("node_modules/").at(-1)}@${version}`);
    }
    const bundled = components.filter(({ properties }) => properties[0]?.value === "part of the archive");
    const hasTensors = name === "client" || name === "evaluator";
    const tensors = ["backend-wasm", "core", "layers", "node"].map((part) => `@tensorflow/tfjs-${part}`);
    const names = new Set(bundled.map((one) => one.name));
    const clients = ["firestore", "storage", "tasks"].map((part) => `@google-cloud/${part}`);
    const google = name === "client" ? [] : clients;
    const ofOthers = new Set(["is-network-error", "jose", "p-retry", "zod"]);
    if (hasTensors)
      for (const one of [...tensors, "@tensorflow/tfjs", "google-protobuf", "long"]) ofOthers.add(one);
    expect([...ofOthers, ...google].filter((one) => !names.has(one))).toEqual([]);
    const whole = await readLockfile(root);
    const closure = pruneLockfile(manifest(name, lockedVersions(whole, google)), whole).packages;
    const theirs = new Set(Object.keys(closure).map((place) => place.split("node_modules/").at(-1)));
    expect([...names].filter((one) => !ofOthers.has(one) && !theirs.has(one))).toEqual([]);
    const wheel = components.filter(({ hashes }) => hashes[0]?.content === tensorflowWheel.sha256);
    expect(wheel).toHaveLength(hasTensors ? 1 : 0);
  });

  it("has TensorFlow.js once where it has it, and asks for no second copy", () => {
    const texts = Object.keys(bundles[name].files)
      .filter((path) => path.endsWith(".mjs") && !path.startsWith("native/"))
      .map((path) => textOf(name, path));
    const copies = (part: string) =>
      texts.filter((text) => text.includes(`\n// node_modules/@tensorflow/${part}`)).length;
    const hasTensors = name === "client" || name === "evaluator";
    for (const file of [
      "tfjs/dist/tf.node.js",
      "tfjs-core/dist/tf-core.node.js",
      "tfjs-layers/dist/tf-layers.node.js",
      "tfjs-node/dist/nodejs_kernel_backend.js",
    ]) {
      expect(copies(file), file).toBe(hasTensors ? 1 : 0);
    }
    for (const part of ["converter", "data", "backend-cpu", "backend-webgl"]) {
      expect(copies(`tfjs-${part}/`), part).toBe(0);
    }
    const imported = texts.flatMap((text) => text.match(/(?:from|import\()\s*"@tensorflow\/[^"]+"/g) ?? []);
    expect(imported).toEqual([]);
  });

  it("has the licence, and the text of each licence of what the bundler took", () => {
    expect(textOf(name, "LICENSE")).toContain("Apache License");
    const text = textOf(name, "THIRD_PARTY_NOTICES.txt");
    for (const [holder, of] of [
      ["Sindre Sorhus", "p-retry"],
      ["Filip Skokan", "jose"],
      ["Colin McDonnell", "zod"],
    ] as const) {
      expect(text, of).toContain(holder);
    }
    const hasTensors = name === "client" || name === "evaluator";
    for (const holder of ["Copyright 2018 Google LLC", "Copyright 2019 David Bau"]) {
      expect(text.includes(`${holder}\n\nPermission is hereby granted`)).toBe(hasTensors);
    }
    expect(text).not.toContain(root);
  });

  it("runs no package's install script, and has a build step only for TensorFlow", () => {
    expect(textOf(name, ".npmrc")).toBe("ignore-scripts=true\n");
    const { scripts, optionalDependencies } = JSON.parse(textOf(name, "package.json"));
    const hasNative = name === "client" || name === "evaluator";
    expect(scripts).toEqual(hasNative ? { "gcp-build": "node native/install.mjs" } : undefined);
    expect(optionalDependencies).toBeUndefined();
    expect("native/install.mjs" in bundles[name].files).toBe(hasNative);
  });
});
