// The guides and the changelog as a person reads them in an editor: lines of bounded length, one list under
// each heading.
import { describe, expect, it } from "vitest";
import { guidePaths, readGuide } from "../../support/guides.ts";

/** In characters. Tables and code cannot be wrapped. */
const MAX_LINE_LENGTH = 140;

/** History, and pages made by a script. */
const UNWRAPPED = /^docs\/(decisions|methods)\//;

describe.each(guidePaths.filter((path) => !UNWRAPPED.test(path)))("%s", (path) => {
  it("has no line of prose that is too long", () => {
    const prose = readGuide(path).replace(/^```[\s\S]*?^```/gm, "");
    const long = prose.split("\n").filter((line) => line.length > MAX_LINE_LENGTH && !line.startsWith("|"));
    expect(long).toEqual([]);
  });
});

describe("CHANGELOG.md", () => {
  const releases = readGuide("CHANGELOG.md").split(/^## /m).slice(1);

  it("has each heading once a release, with one list", () => {
    expect(releases.length).toBeGreaterThan(1);
    for (const release of releases) {
      const [, ...sections] = release.split(/^### /m);
      const headings = sections.map((section) => section.split("\n")[0]);
      expect(new Set(headings).size, release.slice(0, 20)).toBe(headings.length);
      for (const section of sections) {
        expect(section, "blank lines within a list split it").not.toMatch(/^(- | {2}).*\n\s*\n\s*(- | {2})/m);
      }
    }
  });

  it("says nothing twice", () => {
    for (const release of releases) {
      const items = release.split(/^- /m).slice(1);
      expect(items.filter((item, index) => items.indexOf(item) !== index)).toEqual([]);
    }
  });
});
