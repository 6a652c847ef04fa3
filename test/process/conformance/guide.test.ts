// The guide to the client protocol: its messages are what the functions take and send, its table of cases and
// its flags are those that there are.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { withCases } from "../../../infra/docs/conformanceReference.ts";
import { TASKS } from "../../../shared/core/protocol/tasks.ts";
import { CLIENT_RELEASE } from "../../../shared/core/round/clientRelease.ts";
import { CheckReport } from "../../../shared/core/schemas/checkCalls.ts";
import { ClaimRequest, Grant, ReportRequest } from "../../../shared/core/schemas/protocol.ts";
import { readGuide } from "../../support/guides.ts";

const page = readGuide("docs/client-protocol.md");
const message = (mark: string) =>
  JSON.parse(new RegExp(`<!-- ${mark} -->\n\`\`\`json\n([^\`]+)\`\`\``).exec(page)?.[1] ?? "null");

describe("the guide to the client protocol", () => {
  it.each([
    ["Task", TASKS.invoke.body],
    ["Claim", ClaimRequest],
    ["Grant", Grant],
    ["Report", ReportRequest],
    ["CheckTask", TASKS.check.body],
    ["CheckReport", CheckReport],
  ])("shows a %s as it is", (mark, schema) => {
    expect(schema.safeParse(message(mark)).error?.issues ?? []).toEqual([]);
  });

  it("names the release that there is", () => {
    expect(message("Claim").release).toBe(CLIENT_RELEASE);
    expect(page).toContain(`${CLIENT_RELEASE} at present`);
  });

  it("lists every case: if not, `npm run docs` writes them", () => {
    expect(page).toBe(withCases(page));
  });

  it("lists every flag of the suite, and no other", () => {
    const source = readFileSync(new URL("../../../infra/conformance/main.ts", import.meta.url), "utf8");
    const declared = [...source.matchAll(/"(--[a-z-]+)/g)].map(([, flag]) => flag);
    const listed = [...page.matchAll(/^\| `(--[a-z-]+)/gm)].map(([, flag]) => flag);
    expect(listed).toEqual(declared);
  });
});
