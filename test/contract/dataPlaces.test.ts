// Where data lie: one suite for folders and for the local cloud's buckets. Files, folders, prefixes and
// patterns, any names, more files than a page lists; what is missing or may not be read, with a verdict; and
// what is replaced between listing and reading.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type StorageService, startStorage } from "../../infra/box/storage/startStorage.ts";
import { bytesOf, type DataFile, listFiles, versionOf } from "../../shared/cloud/data/files.ts";
import { sourceFor } from "../../shared/cloud/source.ts";
import { refusalOf } from "../support/refusal.ts";

const READER = "reader@demo.iam.gserviceaccount.com";
const WRITER = "writer@demo.iam.gserviceaccount.com";
const STRANGER = "stranger@demo.iam.gserviceaccount.com";

let storage: StorageService;
let folder: string;
/** The token is the account. */
const optionsOf = (member: string) => ({
  tokens: { accessToken: async () => member, fetchIdToken: async () => "" },
  storageEndpoint: storage.endpoint,
});

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "fedstratus places-"));
  storage = await startStorage({
    grants: [
      { member: WRITER, bucket: "data", role: "writer" },
      { member: READER, bucket: "data", role: "reader" },
      { member: READER, bucket: "no-bucket", role: "reader" },
    ],
    buckets: ["data"],
    identities: { emailOfAccessToken: (token: string) => token, verifyBlob: () => false },
  });
});
afterAll(async () => {
  await storage.stop();
  rmSync(folder, { recursive: true });
});

interface Place {
  readonly name: string;
  put(path: string, content: string): Promise<void>;
  addressOf(path: string): string;
}

const places: readonly Place[] = [
  {
    name: "a folder",
    put: async (path, content) => {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), content);
    },
    // As an owner writes it: what an address encodes is encoded, a pattern's stars are not.
    addressOf: (path) => pathToFileURL(join(folder, path)).href + (path.endsWith("/") ? "/" : ""),
  },
  {
    name: "a bucket",
    put: async (path, content) => {
      const url = `${storage.endpoint}/upload/storage/v1/b/data/o?uploadType=media&name=${encodeURIComponent(path)}`;
      const sent = await fetch(url, {
        method: "POST",
        headers: { authorization: `Bearer ${WRITER}` },
        body: content,
      });
      expect(sent.status, await sent.text()).toBe(200);
    },
    addressOf: (path) => `gs://data/${path}`,
  },
];

const names = (files: readonly DataFile[]) => files.map(({ name }) => name);
const textOf = async (file: DataFile) =>
  (await bytesOf(file, { begin: 0, end: file.sizeBytes })).toString("utf8");

describe.each(places)("in $name", ({ put, addressOf, name: place }) => {
  const list = (path: string, member = READER) => listFiles(addressOf(path), optionsOf(member));

  const odd = [
    "a b.csv",
    "c#1.csv",
    "q?x=1.csv",
    "100%.csv",
    "%2F.csv",
    "é😀.csv",
    "e\u0301.csv",
    "it's[1]{2}.csv",
    "+&=.csv",
  ];

  test("files of any name are listed, and read", async () => {
    for (const each of odd) await put(`odd names/${each}`, `of ${each}`);
    const files = await list("odd names/");
    expect(names(files)).toEqual(odd.toSorted());
    for (const file of files) expect(await textOf(file)).toBe(`of ${file.name}`);
    for (const each of odd) {
      const [file, ...others] = await list(`odd names/${each}`);
      expect(others).toEqual([]);
      expect(file === undefined ? "" : await textOf(file)).toBe(`of ${each}`);
    }
  });

  test("a folder is found without its slash, and what begins with a dot or an underscore is not data", async () => {
    for (const path of ["b.csv", "sub/a.csv", ".hidden.csv", "_SUCCESS", "sub/_tmp/x.csv", ".git/y.csv"]) {
      await put(`site/${path}`, path);
    }
    expect(names(await list("site/"))).toEqual(["b.csv", "sub/a.csv"]);
    expect(names(await list("site"))).toEqual(["b.csv", "sub/a.csv"]);
  });

  test.each([
    ["clients/{clientId}/**/*.csv", ["2025/a.csv", "2026/11/b.csv", "c.csv"]],
    ["clients/{clientId}/*.csv", ["c.csv"]],
    ["clients/{clientId}/*/*.csv", ["2025/a.csv"]],
    ["clients/{clientId}/2*/**/*.csv", ["2025/a.csv", "2026/11/b.csv"]],
    ["clients/{clientId}/**", ["2025/a.csv", "2026/11/b.csv", "c.csv", "d.tsv"]],
    ["clients/*/c.csv", ["clinic.7/c.csv", "other/c.csv"]],
    ["clients/{clientId}/?.csv", []],
  ])("the pattern %s names what it fits", async (pattern, expected) => {
    for (const path of [
      "clinic.7/2025/a.csv",
      "clinic.7/2026/11/b.csv",
      "clinic.7/c.csv",
      "clinic.7/d.tsv",
    ]) {
      await put(`clients/${path}`, path);
    }
    await put("clients/other/c.csv", "other");
    await put("clients/clinicX7/2025/z.csv", "another");
    const address = sourceFor(addressOf(pattern).replaceAll("%7B", "{").replaceAll("%7D", "}"), {
      clientId: "clinic.7",
    });
    const found = listFiles(address, optionsOf(READER)).then(names);
    if (expected.length > 0) expect(await found).toEqual(expected);
    else expect((await refusalOf(() => found)).message).toContain("put it there");
  });

  test("more files than a page lists are all found, in order", async () => {
    const all = Array.from({ length: 2_050 }, (_, i) => `${String(i).padStart(5, "0")}.csv`);
    for (let start = 0; start < all.length; start += 50) {
      await Promise.all(all.slice(start, start + 50).map((each) => put(`many/${each}`, "")));
    }
    expect(names(await list("many/"))).toEqual(all);
    expect(names(await list("many/*9.csv"))).toHaveLength(205);
  }, 60_000);

  test("a file that is replaced between listing and reading is not read", async () => {
    await put("moving/a.csv", "old content");
    const [file] = await list("moving/");
    if (file === undefined) throw new Error("no file");
    const before = versionOf([file]);
    await put("moving/a.csv", "new content");
    const error = await refusalOf(() => textOf(file));
    expect(error).toMatchObject({ code: "unavailable", retry: "soon" });
    expect(error.message).toContain("a.csv was replaced while it was read");
    const again = await list("moving/");
    expect(versionOf(again)).not.toBe(before);
    expect(again[0] === undefined ? "" : await textOf(again[0])).toBe("new content");
  });

  test.each(["nothing/", "nothing/*.csv", "nothing.csv"])(
    "nothing at %s is said with what to do",
    async (path) => {
      const error = await refusalOf(() => list(path));
      expect(error).toMatchObject({ code: "failed-precondition" });
      expect(error.message).toMatch(/put it there/);
      expect(error.message.length, place).toBeLessThan(400);
    },
  );
});

describe("links in a folder", () => {
  const [here] = places;
  const list = (path: string) => listFiles(here?.addressOf(path) ?? "", optionsOf(READER));
  const link = (to: string, path: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    symlinkSync(to, join(folder, path));
  };

  test("to files are read as the files, wherever these are, and named as the links", async () => {
    await here?.put("elsewhere/blob-1", "of the blob");
    await here?.put("linked/a.csv", "a");
    link("a.csv", "linked/b.csv");
    link("../elsewhere/blob-1", "linked/c.csv");
    link("c.csv", "linked/d.csv");
    const files = await list("linked/");
    expect(names(files)).toEqual(["a.csv", "b.csv", "c.csv", "d.csv"]);
    expect(await Promise.all(files.map(textOf))).toEqual(["a", "a", "of the blob", "of the blob"]);
    expect(names(await list("linked/*.csv"))).toEqual(["a.csv", "b.csv", "c.csv", "d.csv"]);
    expect(names(await list("linked/d.csv"))).toEqual(["d.csv"]);
  });

  test("that lead to another file since they were listed are not read", async () => {
    await here?.put("moved/new", "new content");
    await here?.put("moved/old", "old content");
    link("old", "moved/x.csv");
    const [file] = await list("moved/x.csv");
    rmSync(join(folder, "moved/x.csv"));
    link("new", "moved/x.csv");
    if (file === undefined) throw new Error("no file");
    expect((await refusalOf(() => textOf(file))).message).toContain("was replaced while it was read");
  });

  test.each(["folders/", "folders/**", "folders/*/*.csv", "folders/**/*.csv"])(
    "to folders are refused at %s, as what is in them would be missing",
    async (path) => {
      await here?.put("elsewhere/more/a.csv", "a");
      await here?.put("folders/sub/b.csv", "b");
      rmSync(join(folder, "folders/more"), { force: true });
      link("../elsewhere/more", "folders/more");
      const error = await refusalOf(() => list(path));
      expect(error).toMatchObject({ code: "failed-precondition" });
      expect(error.message).toMatch(/folders\/more cannot be read: it is a link to a folder/);
    },
  );

  test("to folders are nothing to a pattern that names no folder, nor those that are not data", async () => {
    await here?.put("beside/a.csv", "a");
    link("../elsewhere", "beside/more");
    link("../elsewhere", "beside/.hidden");
    expect(names(await list("beside/*.csv"))).toEqual(["a.csv"]);
    rmSync(join(folder, "beside/more"));
    expect(names(await list("beside/"))).toEqual(["a.csv"]);
  });

  test("that are the folder itself are followed", async () => {
    await here?.put("elsewhere/whole/a.csv", "a");
    link("elsewhere/whole", "mounted");
    expect(names(await list("mounted/"))).toEqual(["a.csv"]);
    expect(names(await list("mounted/*.csv"))).toEqual(["a.csv"]);
    expect(names(await list("mounted"))).toEqual(["a.csv"]);
  });

  test("in a circle, and those that lead nowhere, are told by their names", async () => {
    await here?.put("circle/a.csv", "a");
    link("..", "circle/sub/up");
    expect((await refusalOf(() => list("circle/"))).message).toMatch(/circle\/sub\/up .*link to a folder/);
    link("self.csv", "self/self.csv");
    const error = await refusalOf(() => list("self/"));
    expect(error).toMatchObject({ code: "failed-precondition" });
    expect(error.message).toMatch(/self\/self\.csv cannot be read: its links lead in a circle/);
    link("nothing.csv", "lost/x.csv");
    for (const path of ["lost/", "lost/*.csv", "lost/x.csv"]) {
      expect((await refusalOf(() => list(path))).message).toMatch(
        /lost\/x\.csv cannot be read: .*where a link leads/,
      );
    }
    await here?.put("lost/y.csv", "y");
    expect(names(await list("lost/y*.csv"))).toEqual(["y.csv"]);
  });

  test("a pipe is refused, and not waited for", async () => {
    await here?.put("pipes/a.csv", "a");
    execFileSync("mkfifo", [join(folder, "pipes/b.csv")]);
    expect((await refusalOf(() => list("pipes/"))).message).toMatch(
      /pipes\/b\.csv cannot be read: it is no file/,
    );
    expect(names(await list("pipes/a*"))).toEqual(["a.csv"]);
  });
});

describe("a bucket", () => {
  const list = (address: string, member: string) => listFiles(address, optionsOf(member));

  test("has placeholders of folders, which are not data", async () => {
    const [, bucket] = places;
    await bucket?.put("placed/", "");
    await bucket?.put("placed/sub/", "");
    const none = await refusalOf(() => list("gs://data/placed/", READER));
    expect(none.message).toContain("there is no file of that name or pattern");
    await bucket?.put("placed/sub/a.csv", "a");
    expect(names(await list("gs://data/placed/", READER))).toEqual(["sub/a.csv"]);
  });

  test.each(["gs://data/site/b.csv", "gs://data/site/", "gs://data/site/*.csv"])(
    "that may not be read needs a person: %s",
    async (address) => {
      const error = await refusalOf(() => list(address, STRANGER));
      expect(error).toMatchObject({ code: "failed-precondition", retry: "needs-a-person" });
      expect(error.message).toMatch(/\(HTTP 403\): .*service account may read it/);
    },
  );

  test.each(["gs://no-bucket/a.csv", "gs://no-bucket/site/", "gs://no-bucket/**/*.csv"])(
    "that is not there needs a person: %s",
    async (address) => {
      const error = await refusalOf(() => list(address, READER));
      expect(error).toMatchObject({ code: "failed-precondition", retry: "needs-a-person" });
      expect(error.message).toMatch(/no-bucket.*\(HTTP 404\): there is no such bucket/);
    },
  );
});
