// A file that a person names for a result is tried before the work, and left as it was.
import { execFile, execFileSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { requireFolder, requireWritableFile, writeResult } from "../../../infra/cli/files.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "files-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const require = (path: string) => requireWritableFile("--json", path);

describe("a file for a result", () => {
  it("that is not there yet is not there afterwards", () => {
    require(join(folder, "rows.json"));
    expect(readdirSync(folder)).toEqual([]);
  });

  it("keeps what it holds, by its own name and through a link", () => {
    const file = join(folder, "rows.json");
    writeFileSync(file, "held");
    symlinkSync("rows.json", join(folder, "link"));
    require(file);
    require(join(folder, "link"));
    expect(readFileSync(file, "utf8")).toBe("held");
    expect(readlinkSync(join(folder, "link"))).toBe("rows.json");
  });

  it("may be a link to a file still to be made, which stays, as do the links on the way", async () => {
    mkdirSync(join(folder, "results"));
    const link = join(folder, "latest.json");
    symlinkSync("results/middle", link);
    symlinkSync("rows.json", join(folder, "results", "middle"));
    require(link);
    expect(readlinkSync(link)).toBe("results/middle");
    expect(readdirSync(join(folder, "results"))).toEqual(["middle"]);
    await writeResult("--json", link, "made");
    expect(readFileSync(join(folder, "results", "rows.json"), "utf8")).toBe("made");
  });

  it.each([
    ["into a folder that is not there", "none/rows.json", "it does not exist"],
    ["to itself", "link", "its links lead in a circle"],
    ["to a folder", ".", "it is a folder"],
  ])("may not be a link %s", (_, target, why) => {
    const link = join(folder, "link");
    symlinkSync(target, link);
    expect(() => require(link)).toThrow(
      `--json ${link} cannot be used: ${why}. Name a file in a folder that exists`,
    );
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
  });

  it("may not be in a folder that is not there, and says that it is the folder", () => {
    const file = join(folder, "none", "rows.json");
    expect(() => require(file)).toThrow(
      `--json ${file} cannot be used: its folder does not exist. Name a file in a folder that exists`,
    );
  });

  it("may be a pipe, whose reader hears nothing of the check", async () => {
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    const reader = promisify(execFile)("cat", [pipe], { timeout: 5_000 });
    require(pipe);
    await Promise.all([
      writeResult("--json", pipe, "rows"),
      expect(reader).resolves.toMatchObject({ stdout: "rows" }),
    ]);
    expect(lstatSync(pipe).isFIFO()).toBe(true);
  });

  it("that is a pipe without a reader is not waited for", () => {
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    require(pipe);
    expect(existsSync(pipe)).toBe(true);
  });

  it.each(["", "none/rows.json", "file/rows.json"])("cannot be %j", (name) => {
    writeFileSync(join(folder, "file"), "");
    expect(() => require(name === "" ? "" : join(folder, name))).toThrow(/^--json .*cannot be used: /);
    expect(readdirSync(folder)).toEqual(["file"]);
  });
});

describe("a folder for results", () => {
  it("is not a file", () => {
    const file = join(folder, "file");
    writeFileSync(file, "held");
    expect(() => requireFolder("--out", file)).toThrow("a file stands where a folder should be");
    expect(readFileSync(file, "utf8")).toBe("held");
  });
});
