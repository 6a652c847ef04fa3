// Listings against a plain model of them: whatever the names, the prefix, the delimiter and the page size.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ListQuery, ObjectTable } from "../../infra/box/storage/objectTable.ts";

const blob = { file: "", sizeBytes: 0, crc32c: "", md5: "" };
const everything: ListQuery = {
  prefix: "",
  delimiter: "",
  startOffset: "",
  endOffset: "",
  pageToken: "",
  maxResults: 1000,
};
// Few letters, so that names share prefixes; two of them sort otherwise in UTF-16 than in UTF-8.
const name = fc.string({
  unit: fc.constantFrom("a", "b", "/", "\uFFFD", "😀"),
  minLength: 1,
  maxLength: 5,
});

function tableOf(names: readonly string[]): ObjectTable {
  const table = new ObjectTable(() => undefined);
  table.createBucket("bucket");
  for (const each of names) table.put("bucket", each, { blob });
  return table;
}

function allPages(table: ObjectTable, query: ListQuery) {
  const pages: { objects: string[]; prefixes: readonly string[] }[] = [];
  let pageToken: string | undefined = "";
  while (pageToken !== undefined) {
    const page = table.list("bucket", { ...query, pageToken });
    pages.push({ objects: page.objects.map((object) => object.name), prefixes: page.prefixes });
    pageToken = page.nextPageToken;
  }
  return pages;
}

const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

describe("a listing", () => {
  it("gives every object under the prefix once, in the order of UTF-8 bytes, in full pages", () => {
    const names = fc.uniqueArray(name, { maxLength: 12 });
    const pageSize = fc.integer({ min: 1, max: 4 });
    fc.assert(
      fc.property(names, fc.constantFrom("", "a", "a/", "\uFFFD"), pageSize, (list, prefix, maxResults) => {
        const pages = allPages(tableOf(list), { ...everything, prefix, maxResults });
        const expected = list.filter((each) => each.startsWith(prefix)).sort(byBytes);
        expect(pages.flatMap(({ objects }) => objects)).toEqual(expected);
        for (const { objects } of pages.slice(0, -1)) expect(objects).toHaveLength(maxResults);
      }),
    );
  });

  it("with a delimiter gives each object or the one group that stands for it, once", () => {
    const names = fc.uniqueArray(name, { maxLength: 12 });
    fc.assert(
      fc.property(
        names,
        fc.constantFrom("", "a", "a/"),
        fc.integer({ min: 1, max: 3 }),
        (list, prefix, maxResults) => {
          const pages = allPages(tableOf(list), { ...everything, prefix, maxResults, delimiter: "/" });
          const below = list.filter((each) => each.startsWith(prefix));
          const group = (each: string) => {
            const cut = each.indexOf("/", prefix.length);
            return cut < 0 ? undefined : each.slice(0, cut + 1);
          };
          const plain = below.filter((each) => group(each) === undefined).sort(byBytes);
          const groups = [...new Set(below.flatMap((each) => group(each) ?? []))].sort(byBytes);
          expect(pages.flatMap(({ objects }) => objects)).toEqual(plain);
          expect(pages.flatMap(({ prefixes }) => prefixes)).toEqual(groups);
        },
      ),
    );
  });

  it("can begin at one name, inclusive, and end before another", () => {
    const table = tableOf(["a", "b", "c", "d"]);
    const page = table.list("bucket", { ...everything, startOffset: "b", endOffset: "d" });
    expect(page.objects.map((object) => object.name)).toEqual(["b", "c"]);
  });

  it("of nothing is one empty page", () => {
    expect(tableOf([]).list("bucket", everything)).toEqual({ objects: [], prefixes: [] });
  });

  it("of exactly a page has no next one", () => {
    expect(allPages(tableOf(["a", "b"]), { ...everything, maxResults: 2 })).toHaveLength(1);
  });
});
