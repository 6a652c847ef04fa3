// Commands that the repository has: all that is typed goes to them, and their ends are this program's.
import { tmpdir } from "node:os";
import { describe, expect, test } from "vitest";
import { EXIT } from "../../../infra/fedstratus/frame/exitCodes.ts";
import { runHere } from "../../support/commandLine.ts";

const around = { env: {}, folder: tmpdir() };

describe.each(["demo", "simulate", "box"])("%s", (name) => {
  test("is given everything as it is typed", async () => {
    const options = ["--rounds", "3", "--json", "--no-such-option", "-q", "x", "--", "y"];
    const { code, stdout } = await runHere([name, ...options], around);
    expect({ code, given: JSON.parse(stdout) }).toEqual({ code: 0, given: [name, ...options] });
  });

  test.each([
    [1, EXIT.refused],
    [7, EXIT.refused],
    [130, EXIT.interrupted],
    [143, EXIT.terminated],
  ])("that ends with %d", async (launched, code) => {
    expect(await runHere([name], { ...around, launched })).toMatchObject({ code, stderr: "" });
  });

  test("says what is missing where there is no repository", async () => {
    const { code, stderr } = await runHere([name, "--seed", "3"], { ...around, isPackage: true });
    expect(code).toBe(EXIT.refused);
    expect(stderr).toContain(`npm run ${name} -- --seed 3`);
  });

  test("has help of its own", async () => {
    const { code, stdout } = await runHere([name, "--help"], around);
    expect(code).toBe(0);
    expect(stdout).toContain(`npm run ${name}`);
  });
});
