// Tokens that are kept: for how long, for whom, and what becomes of a damaged file.
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { claimsOf, isToken } from "../../../infra/fedstratus/identity/claims.ts";
import { tokenCache } from "../../../infra/fedstratus/identity/tokenCache.ts";

let folder: string;
let nowMs: number;
let made: number;

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
const tokenUntil = (atMs: number) => `${part({ alg: "none" })}.${part({ exp: atMs / 1_000, n: ++made })}.s`;
const ask = (words: readonly string[], lastsMs = 3_600_000) =>
  tokenCache(folder, () => nowMs).token(words, async () => tokenUntil(nowMs + lastsMs));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tokens-"));
  nowMs = 1_800_000_000_000;
  made = 0;
});
afterEach(() => rm(folder, { recursive: true }));

test("is used until five minutes before it is over, by the next command, too", async () => {
  const first = await ask(["adc", "https://a"]);
  nowMs += 3_300_000 - 1;
  expect(await ask(["adc", "https://a"])).toBe(first);
  nowMs += 1;
  expect(await ask(["adc", "https://a"])).not.toBe(first);
  expect(made).toBe(2);
});

test("is of one identity and one address", async () => {
  await ask(["adc", "https://a"]);
  await ask(["adc", "https://b"]);
  await ask(["gcloud", "https://a"]);
  expect(made).toBe(3);
});

test("lies in a file that nobody else can read, and that names no address", async () => {
  await ask(["adc", "https://secret.example"]);
  const file = join(folder, "tokens.json");
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readFile(file, "utf8")).not.toContain("secret.example");
});

test("what is over is forgotten, and no more than 32 are kept", async () => {
  for (let i = 0; i < 40; i++) await ask(["adc", String(i)], 3_600_000 + i * 1_000);
  const kept = async () =>
    Object.keys(JSON.parse(await readFile(join(folder, "tokens.json"), "utf8"))).length;
  expect(await kept()).toBe(32);
  await ask(["adc", "39"]);
  expect(made).toBe(40);
  nowMs += 4_000_000;
  await ask(["adc", "new"]);
  expect(await kept()).toBe(1);
});

test.each(["", "{", "[]", "null", '{"x": 1}', '{"x": {"token": 1}}'])(
  "a file of %j is passed by",
  async (text) => {
    await writeFile(join(folder, "tokens.json"), text);
    const token = await ask(["adc", "https://a"]);
    expect(await ask(["adc", "https://a"])).toBe(token);
  },
);

test("where nothing can be kept, each call makes one", async () => {
  await writeFile(join(folder, "no-folder"), "");
  const cache = tokenCache(join(folder, "no-folder"), () => nowMs);
  const token = await cache.token(["adc"], async () => tokenUntil(nowMs + 3_600_000));
  expect(isToken(token)).toBe(true);
});

test("claims are read of what is a token, and of nothing else", () => {
  expect(claimsOf(`x.${part({ email: "a@b", aud: "https://a", exp: 5 })}.y`)).toEqual({
    email: "a@b",
    aud: "https://a",
    exp: 5,
  });
  for (const text of ["", "a.b.c", `x.${part({ email: 1, aud: [], exp: "5" })}.y`])
    expect(claimsOf(text)).toEqual({});
  expect(["a.b.c", "a.b.", "a-_.b.c"].every(isToken)).toBe(true);
  expect(["", "a.b", "a.b.c.d", "a.b.c d"].some(isToken)).toBe(false);
});
