// Which view is chosen for which output, and when it may use colours.
import { describe, expect, it } from "vitest";
import { createView } from "../../../../infra/cli/view/createView.ts";
import { FakeStream, INFO } from "./fixtures.ts";

function outputOf(isTTY: boolean, env: Record<string, string>, isTty?: boolean): string {
  const stream = new FakeStream();
  stream.isTTY = isTTY;
  const view = createView({ stream, env, ...(isTty === undefined ? {} : { isTty }) });
  view.start(INFO);
  view.fail("end");
  return stream.text;
}

const HIDE = "\u001B[?25l";
const RED = "\u001B[31m";

describe("createView", () => {
  it("is live and in colour on a terminal", () => {
    const text = outputOf(true, { TERM: "xterm" });
    expect(text).toContain(HIDE);
    expect(text).toContain(RED);
  });

  it("is live without colours where NO_COLOR is set, to whatever value", () => {
    const text = outputOf(true, { TERM: "xterm", NO_COLOR: "0" });
    expect(text).toContain(HIDE);
    expect(text).not.toContain(RED);
  });

  it("takes an empty NO_COLOR for none", () => {
    expect(outputOf(true, { NO_COLOR: "" })).toContain(RED);
  });

  it.each([
    ["the output is not a terminal", outputOf(false, {})],
    ["the terminal cannot move its cursor", outputOf(true, { TERM: "dumb" })],
    ["an option says so", outputOf(true, {}, false)],
  ])("is plain where %s", (_why, text) => {
    expect(text).not.toContain("\u001B");
    expect(text).toContain("FedStratus: mnist-cnn on Fashion-MNIST");
  });
});
