// What a partner is handed is what was bundled: the sums, the statement and the signature, checked with the
// tools of the guide.
import { execFileSync, spawnSync } from "node:child_process";
import { appendFile, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { strToU8 } from "fflate";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeArchives } from "../../../infra/bundle/archive.ts";
import { checkKey, provenance, readSource, signSums, sums } from "../../../infra/bundle/provenance.ts";
import { FlError } from "../../../shared/core/errors.ts";

const source = { commit: "c0ffee", isModified: false, lockfileSha256: "10c4", tools: { node: "24.0.0" } };
const bundle = (text: string) => ({
  dir: "",
  sizeBytes: 0,
  packages: {},
  files: { "index.js": strToU8(text) },
});
const bundles = {
  api: bundle("api"),
  coordinator: bundle("coordinator"),
  aggregator: bundle("aggregator"),
  evaluator: bundle("evaluator"),
  client: bundle("client"),
};

let scratch: string;
let folder: string;
let key: string;
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), "signed archives-"));
  folder = join(scratch, "archives");
  key = join(scratch, "key");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
});
afterEach(() => rm(scratch, { recursive: true, force: true }));

/** The guide's own lines, run in the folder that a partner was given. */
async function verify(): Promise<boolean> {
  const guide = await readFile(resolve(import.meta.dirname, "../../../SECURITY.md"), "utf8");
  const script = /```sh verify\n([\s\S]*?)```/.exec(guide)?.[1];
  if (script === undefined) throw new Error("the guide has no lines to verify with");
  return spawnSync("bash", ["-euc", script], { cwd: folder }).status === 0;
}

async function allow(publicKey: string): Promise<void> {
  const text = await readFile(publicKey, "utf8");
  await writeFile(join(folder, "allowed_signers"), `fedstratus ${text}`);
}

describe("a signed folder of archives", () => {
  it("is accepted as it is, and with the client's archive alone", async () => {
    await writeArchives(bundles, folder, source);
    await signSums(folder, key);
    await allow(`${key}.pub`);
    expect(await verify()).toBe(true);
    for (const name of await readdir(folder)) {
      if (name.endsWith(".zip") && !name.startsWith("client-")) await rm(join(folder, name));
    }
    expect(await verify()).toBe(true);
  });

  it.each([
    ["an archive", (name: string) => name.startsWith("client-")],
    ["the statement", (name: string) => name === "provenance.json"],
    ["the sums", (name: string) => name === "SHA256SUMS"],
  ])("is refused when %s was changed", async (_, isIt) => {
    await writeArchives(bundles, folder, source);
    await signSums(folder, key);
    await allow(`${key}.pub`);
    const name = (await readdir(folder)).find(isIt) ?? "";
    await appendFile(join(folder, name), "\n");
    expect(await verify()).toBe(false);
  });

  it.each(["client-EVIL.zip", "evil.zip", "client", "client-0.zip\nSHA256SUMS", "client\\x2d.zip"])(
    "is refused with a foreign archive beside or in the place of the signed one: %j",
    async (foreign) => {
      await writeArchives(bundles, folder, source);
      await signSums(folder, key);
      await allow(`${key}.pub`);
      const file = foreign.endsWith(".zip") ? foreign : `${foreign}.zip`;
      await writeFile(join(folder, file), "foreign");
      expect(await verify()).toBe(false);
      for (const name of await readdir(folder)) {
        if (name.endsWith(".zip") && name !== file) await rm(join(folder, name));
      }
      expect(await verify()).toBe(false);
    },
  );

  it("is refused when an archive has another one's name, or none is there", async () => {
    await writeArchives(bundles, folder, source);
    await signSums(folder, key);
    await allow(`${key}.pub`);
    const names = (await readdir(folder)).filter((name) => name.endsWith(".zip"));
    const find = (start: string) => join(folder, names.find((name) => name.startsWith(start)) ?? "");
    await rename(find("api-"), find("client-"));
    expect(await verify()).toBe(false);
    for (const name of names) await rm(join(folder, name), { force: true });
    expect(await verify()).toBe(false);
  });

  it("is refused when another key signed it, or signed it for something else", async () => {
    await writeArchives(bundles, folder, source);
    const other = join(scratch, "other");
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", other]);
    await signSums(folder, other);
    await allow(`${key}.pub`);
    expect(await verify()).toBe(false);
    await rm(join(folder, "SHA256SUMS.sig"));
    execFileSync("ssh-keygen", ["-q", "-Y", "sign", "-f", key, "-n", "git", join(folder, "SHA256SUMS")]);
    expect(await verify()).toBe(false);
  });

  it("keeps no signature of other archives", async () => {
    await writeArchives(bundles, folder, source);
    await signSums(folder, key);
    await writeArchives({ ...bundles, api: bundle("changed") }, folder, source);
    expect(await readdir(folder)).not.toContain("SHA256SUMS.sig");
  });

  it("is signed anew over a signature that is there", async () => {
    await writeArchives(bundles, folder, source);
    await signSums(folder, join(scratch, "key"));
    await signSums(folder, key);
    await allow(`${key}.pub`);
    expect(await verify()).toBe(true);
  });
});

describe("signing", () => {
  it("asks for a key that is there, before anything is made", async () => {
    await expect(checkKey(join(scratch, "none"))).rejects.toThrow(/There is no key .*none to sign with/);
    await expect(checkKey(key)).resolves.toBeUndefined();
  });

  it("says why it cannot sign", async () => {
    await writeArchives(bundles, folder, source);
    await writeFile(join(scratch, "bad"), "no key", { mode: 0o600 });
    const error = await signSums(folder, join(scratch, "bad")).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FlError);
    expect(String(error)).toMatch(/SHA256SUMS cannot be signed with .*bad: /);
  });
});

describe("provenance", () => {
  const files = { "a.zip": strToU8("a"), "b.zip": strToU8("b") };

  it("names every archive by its bytes, the commit and the lockfile", () => {
    const statement = JSON.parse(Buffer.from(provenance(files, source)).toString());
    expect(statement).toMatchObject({
      _type: "https://in-toto.io/Statement/v1",
      predicateType: "https://slsa.dev/provenance/v1",
      subject: [{ name: "a.zip" }, { name: "b.zip" }],
      predicate: {
        buildDefinition: {
          resolvedDependencies: [{ digest: { gitCommit: "c0ffee" } }, { digest: { sha256: "10c4" } }],
        },
      },
    });
    const listed = Buffer.from(sums(files)).toString();
    for (const { name, digest } of statement.subject) expect(listed).toContain(`${digest.sha256}  ${name}\n`);
    expect(provenance(files, source)).toEqual(provenance(files, source));
  });

  it("knows a clone, a changed one, and a folder that is not a clone", async () => {
    await writeFile(join(scratch, "package-lock.json"), "{}");
    expect((await readSource(scratch, {})).commit).toBeNull();
    const git = (...args: readonly string[]) =>
      execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b.c", ...args], { cwd: scratch });
    git("init", "-q");
    git("add", ".");
    git("commit", "-qm", "all");
    expect(await readSource(scratch, {})).toMatchObject({
      isModified: false,
      commit: expect.stringMatching(/^[0-9a-f]{40}$/),
    });
    await writeFile(join(scratch, "package-lock.json"), "{ }");
    expect(await readSource(scratch, {})).toMatchObject({ isModified: true });
  });
});
