// Addresses of clients as people register them: what can be meant is put into plain words, the rest is
// refused with the reason.
import { describe, expect, it } from "vitest";
import { Client, ClientRegistration, plainAddress } from "../../../shared/core/schemas/client.ts";
import { buildClient } from "../../support/builders.ts";

const register = (url: string) => {
  const { clientId, serviceAccount } = buildClient();
  return ClientRegistration.safeParse({ clientId, serviceAccount, url });
};

describe("an address", () => {
  it.each([
    ["https://train.example.org", "https://train.example.org"],
    ["https://train.example.org/", "https://train.example.org"],
    ["https://train.example.org//", "https://train.example.org"],
    ["HTTPS://Train.Example.ORG:443/", "https://train.example.org"],
    ["https://europe-west1-p.cloudfunctions.net/train/", "https://europe-west1-p.cloudfunctions.net/train"],
    ["https://train.example.org/a/../b", "https://train.example.org/b"],
    ["http://127.0.0.1:8080/", "http://127.0.0.1:8080"],
    ["http://[::1]:8080/", "http://[::1]:8080"],
    ["https://klinik-münchen.example/", new URL("https://klinik-münchen.example").origin],
  ])("%s is kept as %s", (given, kept) => {
    expect(register(given)).toMatchObject({ success: true, data: { url: kept } });
    expect(register(kept).data?.url).toBe(kept);
  });

  it.each([
    ["https://user:hunter2@train.example.org", /user name and password/],
    ["https://user@train.example.org", /user name and password/],
    ["https://train.example.org/?key=1", /query and fragment/],
    ["https://train.example.org/?", /query and fragment/],
    ["https://train.example.org/#frag", /query and fragment/],
    ["https://train.example.org#", /query and fragment/],
    ["https://*.example.org", /host and port/],
    ["https://train..example.org", /host and port/],
    ["https://train.example.org:0", /host and port/],
    ["ftp://train.example.org", /http\(s\) address/],
    ["train.example.org", /http\(s\) address/],
    ["", /http\(s\) address/],
  ])("%s is refused", (given, why) => {
    const { error } = register(given);
    const said = error?.issues.map(({ path, message }) => `${path}: ${message}`).join("; ") ?? "";
    expect(said).toMatch(why);
    expect(said).toMatch(/^url: /);
    expect(said).not.toContain("hunter2");
  });

  it("has all its problems reported at once", () => {
    expect(register("https://u:p@*.example.org/?a#b").error?.issues).toHaveLength(3);
  });

  it("that 0.1 has taken is read as it is", () => {
    for (const url of ["https://u:p@old.example.org/?a#b", "https://old.example.org/"]) {
      expect(Client.shape.url.parse(url)).toBe(url);
    }
    expect(plainAddress("no address")).toBe("no address");
  });
});
