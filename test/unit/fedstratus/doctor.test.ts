// What `fedstratus doctor` makes of what it finds, at the bounds.
import { expect, test } from "vitest";
import {
  clockFinding,
  diskFinding,
  identityFinding,
  nodeFinding,
} from "../../../infra/fedstratus/documents/doctor.ts";

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
const tokenOf = (claims: object) => `x.${part(claims)}.y`;
const NOW = Date.parse("2026-11-29T12:00:00.500Z");

test("Node is new enough from 22.12 on", () => {
  for (const version of ["22.12.0", "23.0.0", "24.21.0"])
    expect(nodeFinding(version).detail).toContain(version);
  for (const version of ["22.11.9", "20.20.2"])
    expect(() => nodeFinding(version)).toThrow("install Node 22.12");
});

test("less than a GiB of disk is worth a warning", () => {
  expect(diskFinding(2 ** 30)).toEqual({ detail: "1.0 GiB are free in this folder" });
  expect(diskFinding(2 ** 30 - 1).verdict).toBe("warning");
});

test("a token is for the api and not over; one that says neither is left to the api", () => {
  const look = (claims: object) => identityFinding(tokenOf(claims), "https://a", "a file", NOW);
  expect(look({ email: "me@x", aud: "https://a", exp: NOW / 1_000 + 1 }).detail).toMatch(
    /^me@x by a file, until 2026-/,
  );
  expect(look({}).detail).toBe("an account without an e-mail address by a file");
  expect(() => look({ aud: "https://a/" })).toThrow(
    "is meant for another audience, https://a/, and not for https://a.",
  );
  expect(() => look({ exp: NOW / 1_000 })).toThrow("was good until 2026-11-29T12:00:00.500Z");
});

test("a clock may be 30 s off, either way", () => {
  const date = "Sun, 29 Nov 2026 12:00:00 GMT";
  expect(clockFinding(date, NOW).detail).toBe("this clock is 0 s ahead of the api's");
  expect(clockFinding(date, NOW + 30_000).detail).toBe("this clock is 30 s ahead of the api's");
  expect(clockFinding(date, NOW - 30_000).detail).toBe("this clock is 30 s behind the api's");
  for (const offMs of [30_001, -30_001])
    expect(() => clockFinding(date, NOW + offMs)).toThrow("set it by the network's time");
  for (const none of [null, "", "noon"]) expect(clockFinding(none, NOW).verdict).toBe("warning");
});
