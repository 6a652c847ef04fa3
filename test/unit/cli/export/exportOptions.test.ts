// What a person asks `npm run export` for, and everything that is wrong with it at once.
import { describe, expect, it } from "vitest";
import { exportOf, type GivenOptions } from "../../../../infra/cli/export/exportOptions.ts";

const given = (options: Partial<GivenOptions>) =>
  exportOf({ run: "fashion-1", format: "csv", out: "x", ...options });

describe("what is asked for", () => {
  it.each([
    ["fashion-1", "latest"],
    ["fashion-1:last", "latest"],
    ["fashion-1:latest", "latest"],
    ["fashion-1:best", "best"],
    ["fashion-1:0", 0],
    ["fashion-1:17", 17],
  ] as const)("the version of %s is %s", (run, version) => {
    expect(given({ run, format: "keras" })).toEqual({
      kind: "model",
      runId: "fashion-1",
      format: "keras",
      version,
      out: "x",
      force: false,
      withClients: false,
    });
  });

  it.each([
    [undefined, 1, 9_999],
    ["7", 7, 7],
    ["10-20", 10, 20],
    ["10-", 10, 9_999],
    ["-3", 1, 3],
  ] as const)("the rounds of %s are %s to %s", (rounds, first, last) => {
    expect(given({ rounds })).toMatchObject({ kind: "tables", rounds: { first, last } });
  });

  it("both tables, unless one is named", () => {
    expect(given({})).toMatchObject({ tables: ["rounds", "invocations"] });
    expect(given({ what: "invocations, rounds" })).toMatchObject({ tables: ["rounds", "invocations"] });
    expect(given({ what: "invocations" })).toMatchObject({ tables: ["invocations"] });
  });

  it("an MLflow server", () => {
    expect(given({ format: "mlflow", out: undefined, tracking: "http://127.0.0.1:5000/" })).toEqual({
      kind: "mlflow",
      runId: "fashion-1",
      rounds: { first: 1, last: 9_999 },
      trackingUri: "http://127.0.0.1:5000",
      experiment: "FedStratus",
    });
  });
});

describe("is refused", () => {
  it.each<[Partial<GivenOptions>, RegExp]>([
    [{ run: "Fashion 1" }, /--run must begin with a run's id/],
    [{ run: "a:b:c", format: "npz" }, /--run names a version by its number/],
    [{ run: "a:-1", format: "npz" }, /--run names a version by its number/],
    [{ run: "a:1" }, /^:VERSION has no meaning with --format csv/],
    [{ rounds: "0" }, /--rounds must be/],
    [{ rounds: "3-2" }, /--rounds must be/],
    [{ rounds: "-" }, /--rounds must be/],
    [{ rounds: "1-2-3" }, /--rounds must be/],
    [{ rounds: "1", format: "npz" }, /--rounds has no meaning with --format npz/],
    [{ what: "clients" }, /--what must be rounds or invocations/],
    [{ what: "" }, /--what must be/],
    [{ what: "rounds", format: "trace" }, /--what has no meaning with --format trace/],
    [{ withClients: true }, /--with-clients has no meaning/],
    [{ out: undefined }, /--out is missing/],
    [{ out: "" }, /--out is missing/],
    [{ tracking: "http://127.0.0.1" }, /--tracking has no meaning with --format csv/],
    [{ format: "mlflow", out: undefined }, /--tracking must be the http\(s\) address/],
    [{ format: "mlflow", tracking: "file:///tmp", out: undefined }, /--tracking must be/],
    [{ format: "mlflow", tracking: "http://a:b@c", out: undefined }, /--tracking must hold no password/],
    [{ format: "mlflow", tracking: "http://c" }, /--out has no meaning with --format mlflow/],
  ])("%j", (options, why) => {
    expect(() => given(options)).toThrow(why);
  });

  it("with all that is wrong", () => {
    expect(() => given({ run: "A:1", rounds: "x", what: "y", out: undefined })).toThrow(
      /--run .*\n--rounds .*\n--what .*\n:VERSION .*\n--out /,
    );
  });
});
