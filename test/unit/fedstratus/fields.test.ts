// `--fields`: which parts of a document are shown, and what is refused.
import { describe, expect, test } from "vitest";
import { UsageError } from "../../../infra/fedstratus/frame/failures.ts";
import { parseFields, pickFields, valueAt } from "../../../infra/fedstratus/output/fields.ts";

const RUN = { runId: "a", status: "ready", totals: { costUsd: 0.5 }, best: null };

describe("pickFields", () => {
  test("of one document keeps what is named, under the name", () => {
    expect(pickFields(RUN, ["status", "totals.costUsd", "best"])).toEqual({
      status: "ready",
      "totals.costUsd": 0.5,
      best: null,
    });
  });

  test("of a list keeps it of each item, null where one lacks it, and the rest of the list", () => {
    const list = { items: [RUN, { runId: "b" }], nextCursor: "c" };
    expect(pickFields(list, ["runId", "status"])).toEqual({
      items: [
        { runId: "a", status: "ready" },
        { runId: "b", status: null },
      ],
      nextCursor: "c",
    });
  });

  test("of an empty list is an empty list, whatever is named", () => {
    expect(pickFields({ items: [], nextCursor: null }, ["nothing"])).toEqual({ items: [], nextCursor: null });
  });

  test("refuses what nothing has, and says what there is", () => {
    expect(() => pickFields({ items: [RUN] }, ["runId", "stauts"])).toThrow(
      "--fields: there is no stauts here. There are runId, status, totals, best.",
    );
  });

  test.each(["__proto__", "constructor", "totals.__proto__", "runId.length", "totals.costUsd.x"])(
    "does not reach %s",
    (path) => {
      expect(valueAt(RUN, path)).toBeUndefined();
      expect(() => pickFields(RUN, [path])).toThrow(UsageError);
    },
  );

  test("leaves the document as it is", () => {
    const before = structuredClone(RUN);
    pickFields(RUN, ["totals"]);
    expect(RUN).toEqual(before);
  });
});

test("names have commas between and may have blanks around; an empty one is refused", () => {
  expect(parseFields("a, b.c")).toEqual(["a", "b.c"]);
  for (const text of ["", "a,,b", "a,"]) expect(() => parseFields(text)).toThrow(UsageError);
});
