// Profiles: how they are kept, which deployment a command is for, and what is refused.
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { UsageError } from "../../../infra/fedstratus/frame/failures.ts";
import { connectionOf } from "../../../infra/fedstratus/profiles/connection.ts";
import { placesOf } from "../../../infra/fedstratus/profiles/places.ts";
import {
  apiAddress,
  namedProfile,
  profileName,
  readProfiles,
  withoutProfile,
  withProfile,
  writeProfiles,
} from "../../../infra/fedstratus/profiles/profiles.ts";

const A = { apiUrl: "https://a.example" };
const B = { apiUrl: "https://b.example", operator: "operator@b.iam.gserviceaccount.com" };
let folder: string;
let configFile: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "profiles-"));
  configFile = join(folder, "settings", "fedstratus", "config.json");
});
afterEach(() => rm(folder, { recursive: true }));

test("the first profile is the default until another is; without it there is none", () => {
  const one = withProfile({ default: null, profiles: {} }, "a", A);
  const two = withProfile(one, "b", B);
  expect(two).toEqual({ default: "a", profiles: { a: A, b: B } });
  expect(withoutProfile(two, "a")).toEqual({ default: null, profiles: { b: B } });
  expect(withoutProfile(two, "b")).toEqual(one);
});

test("are read as they were written, by nobody else, with nothing left beside them", async () => {
  const profiles = { default: "b", profiles: { a: A, b: B } };
  await writeProfiles(configFile, profiles);
  expect(await readProfiles(configFile)).toEqual(profiles);
  expect((await stat(configFile)).mode & 0o777).toBe(0o600);
  expect((await stat(dirname(configFile))).mode & 0o777).toBe(0o700);
  expect(await readdir(dirname(configFile))).toEqual(["config.json"]);
});

test.each([
  "",
  "[]",
  "{",
  '{"profiles": {"a": {}}}',
  '{"profiles": {"A b": {"apiUrl": "x"}}}',
  '{"default": 1}',
])("a file that holds %j is refused, and named", async (text) => {
  await mkdir(dirname(configFile), { recursive: true });
  await writeFile(configFile, text);
  await expect(readProfiles(configFile)).rejects.toThrow(`${configFile} holds no profiles`);
});

test("what is no profile's name is not looked up", () => {
  for (const name of ["__proto__", "A", "a b", "", "-a", "a".repeat(64)]) {
    expect(() => profileName(name)).toThrow(UsageError);
  }
  expect(() => namedProfile({ default: null, profiles: { a: A } }, "constructor")).toThrow("There are: a.");
});

test("an address has no user, query or fragment, and no slash at its end", () => {
  expect(apiAddress("https://A.example/", "--api")).toBe("https://a.example");
  for (const text of ["a.example", "ftp://a", "https://u:p@a", "https://a?x", "https://a#x", ""]) {
    expect(() => apiAddress(text, "--api")).toThrow(/^--api must be/);
  }
});

describe("the deployment that a command is for", () => {
  const choose = (options: Partial<Parameters<typeof connectionOf>[0]> = {}) =>
    connectionOf({ env: {}, cwd: folder, configFile, ...options });

  beforeEach(() => writeProfiles(configFile, { default: "a", profiles: { a: A, b: B } }));

  test("is that of the default profile", async () => {
    expect(await choose()).toEqual({ ...A, profile: "a", from: "the default profile" });
  });

  test("is that which the folder names, before the default", async () => {
    const file = join(folder, ".fedstratus", "config.json");
    await mkdir(dirname(file));
    await writeFile(file, '{"profile": "b"}');
    expect(await choose()).toEqual({ ...B, profile: "b", from: file });
    expect(await choose({ env: { FEDSTRATUS_PROFILE: "a" } })).toMatchObject({ profile: "a" });
    await writeFile(file, "{");
    expect(await choose()).toMatchObject({ profile: "a" });
  });

  test("is that of the environment, an address before a profile's", async () => {
    const env = {
      FEDSTRATUS_API: "https://c.example/",
      API_URL: "https://d.example",
      GCE_METADATA_HOST: "h:1",
    };
    expect(await choose({ env })).toEqual({
      apiUrl: "https://c.example",
      metadataHost: "h:1",
      profile: null,
      from: "FEDSTRATUS_API",
    });
    expect(await choose({ env: { API_URL: "https://d.example" } })).toMatchObject({ from: "API_URL" });
    expect(await choose({ env: { ...env, FEDSTRATUS_PROFILE: "b" } })).toMatchObject({ profile: "b" });
  });

  test("is that of the options, before anything else", async () => {
    const env = { FEDSTRATUS_API: "https://c.example", FEDSTRATUS_OPERATOR: "o@x.iam.gserviceaccount.com" };
    expect(await choose({ profile: "b", env })).toMatchObject({ profile: "b" });
    expect(await choose({ api: "https://e.example", env })).toEqual({
      apiUrl: "https://e.example",
      operator: "o@x.iam.gserviceaccount.com",
      profile: null,
      from: "--api",
    });
  });

  test("is asked for where nothing says it", async () => {
    await rm(configFile);
    await expect(choose()).rejects.toThrow("fedstratus profile add");
    await expect(choose({ profile: "b" })).rejects.toThrow("There is no profile b. There are: none.");
  });
});

test("settings and caches are where the system has them", () => {
  const home = "/h";
  const at = (env: Record<string, string>, platform: NodeJS.Platform) => placesOf({ env, home, platform });
  expect(at({}, "linux")).toEqual({
    configFile: "/h/.config/fedstratus/config.json",
    cacheDir: "/h/.cache/fedstratus",
  });
  expect(at({ XDG_CONFIG_HOME: "/c", XDG_CACHE_HOME: "/d" }, "linux")).toEqual({
    configFile: "/c/fedstratus/config.json",
    cacheDir: "/d/fedstratus",
  });
  expect(at({ APPDATA: "/a", LOCALAPPDATA: "/l" }, "win32")).toEqual({
    configFile: "/a/fedstratus/config.json",
    cacheDir: "/l/fedstratus",
  });
});
