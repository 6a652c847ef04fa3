// What is sent of an answer: compression by what the caller takes, entity tags, and 304 for what it has.
import { gunzipSync } from "node:zlib";
import { describe, expect, it, test } from "vitest";
import { representation, takesGzip } from "../../../shared/http/representation.ts";

const LONG = { text: "lorem ipsum ".repeat(100) };
const gzipped = { "accept-encoding": "gzip, deflate, br" };
const get = (headers: Record<string, string> = {}) => ({ method: "GET", headers });

function text(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString();
}

describe("compression", () => {
  it("is used for long answers where the caller takes it", async () => {
    const { headers, bytes } = await representation(get(gzipped), { status: 200, body: LONG });
    expect(headers).toMatchObject({
      "content-encoding": "gzip",
      "content-type": "application/json; charset=utf-8",
      "content-length": bytes?.byteLength,
      vary: "accept-encoding",
    });
    expect(bytes?.byteLength).toBeLessThan(200);
    expect(JSON.parse(gunzipSync(bytes ?? new Uint8Array()).toString())).toEqual(LONG);
  });

  it.each([
    [1_024, "gzip"],
    [1_023, undefined],
  ])("of %i bytes is %s", async (length, encoding) => {
    const body = "x".repeat(length - 2); // And two quotes.
    const { headers } = await representation(get(gzipped), { status: 200, body });
    expect(headers["content-encoding"]).toBe(encoding);
    expect(headers["vary"]).toBe(encoding === undefined ? undefined : "accept-encoding");
  });

  it("is left out for a caller that does not take it, with the length of the plain bytes", async () => {
    const { headers, bytes } = await representation(get(), { status: 200, body: LONG });
    expect(headers).not.toHaveProperty("content-encoding");
    expect(headers).toMatchObject({ "content-length": bytes?.byteLength, vary: "accept-encoding" });
    expect(JSON.parse(text(bytes))).toEqual(LONG);
  });

  test.each([
    [undefined, false],
    ["", false],
    ["gzip", true],
    ["GZIP", true],
    ["x-gzip", true],
    ["deflate, gzip;q=0.5", true],
    ["gzip;q=0", false],
    ["gzip;q=0.000, *", false],
    ["*", true],
    ["*;q=0", false],
    ["identity", false],
    ["gzip; q=nonsense", false],
    ["gzipped", false],
  ])("Accept-Encoding %s: %s", (header, takes) => {
    expect(takesGzip(header)).toBe(takes);
  });
});

describe("entity tags", () => {
  it("are of the content: the same for plain and compressed bytes, others for other content", async () => {
    const answer = { status: 200, body: LONG };
    const tag = (await representation(get(), answer)).headers["etag"];
    expect(tag).toMatch(/^W\/"[\w-]{22}"$/);
    expect((await representation(get(gzipped), answer)).headers["etag"]).toBe(tag);
    const other = await representation(get(), { status: 200, body: { ...LONG, more: 1 } });
    expect(other.headers["etag"]).not.toBe(tag);
  });

  it("named by the caller give 304, without a body and what is said of one", async () => {
    const answer = { status: 200, body: LONG, headers: { "x-more": "kept" } };
    const tag = `${(await representation(get(), answer)).headers["etag"]}`;
    for (const header of [tag, tag.slice(2), `"other", ${tag}`, "*"]) {
      const { status, headers, bytes } = await representation(get({ "if-none-match": header }), answer);
      expect({ status, bytes }).toEqual({ status: 304, bytes: undefined });
      expect(headers).toEqual({
        etag: tag,
        "cache-control": "private, no-cache",
        vary: "accept-encoding",
        "x-more": "kept",
      });
    }
    for (const header of ["", '"other"', "W/", tag.slice(0, -2)]) {
      expect((await representation(get({ "if-none-match": header }), answer)).status).toBe(200);
    }
  });

  it("are for answers to GET alone, and not for refusals", async () => {
    const headers = { "if-none-match": "*" };
    const posted = await representation({ method: "POST", headers }, { status: 200, body: LONG });
    expect(posted).toMatchObject({ status: 200 });
    expect(posted.headers).not.toHaveProperty("etag");
    const refused = await representation(get(headers), { status: 404, body: { error: {} } });
    expect(refused).toMatchObject({ status: 404 });
    expect(refused.headers).not.toHaveProperty("cache-control");
  });
});

test("how long an answer may be kept is the answer's to say", async () => {
  const forever = { "cache-control": "private, max-age=31536000, immutable" };
  const { headers } = await representation(get(), { status: 200, body: LONG, headers: forever });
  expect(headers).toMatchObject(forever);
});

test("JSON that is written already is sent as it is", async () => {
  const json = Buffer.from('{ "spaced":  1 }');
  const { bytes, headers } = await representation(get(), { status: 200, json });
  expect(text(bytes)).toBe('{ "spaced":  1 }');
  expect(headers["content-type"]).toBe("application/json; charset=utf-8");
});

test("an answer without a body has no headers of one", async () => {
  const nothing = await representation(get(gzipped), { status: 204, headers: { "x-more": "kept" } });
  expect(nothing).toEqual({ status: 204, headers: { "x-more": "kept" }, bytes: undefined });
});
