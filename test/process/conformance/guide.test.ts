// The guide to the client protocol: its messages are what the functions take and send, its table of cases and
// its flags are those that there are.
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { clientProtocolSchema } from "../../../infra/docs/clientProtocol.ts";
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

describe("the schemas of the messages, to a strict validator of their dialect", () => {
  const schemas = JSON.parse(clientProtocolSchema());
  // Of its formats the dialect asserts none, and the strict mode wants to know that this one is meant.
  const ajv = new Ajv2020({
    strict: true,
    strictRequired: true,
    strictTypes: true,
    strictTuples: true,
    allErrors: true,
    formats: { "date-time": true },
  });
  ajv.addSchema(schemas, "protocol");
  const refusals = (name: string, value: unknown): string => {
    const validate = ajv.getSchema(`protocol#/$defs/${name}`);
    if (validate === undefined) throw new Error(`There is no schema of ${name}.`);
    return validate(value) === true ? "" : ajv.errorsText(validate.errors);
  };
  const shown = [...page.matchAll(/<!-- (\w+) -->\n```json\n/g)].map(([, mark = ""]) => mark);

  it("are schemas of the dialect that the guide names", () => {
    expect(schemas.$schema).toBe("https://json-schema.org/draft/2020-12/schema");
    expect(page).toContain("JSON Schema 2020-12");
    expect(ajv.validateSchema(schemas), ajv.errorsText(ajv.errors)).toBe(true);
    for (const name of Object.keys(schemas.$defs))
      expect(ajv.getSchema(`protocol#/$defs/${name}`)).toBeDefined();
  });

  it("take every message that the guide shows", () => {
    expect(shown.toSorted()).toEqual(["CheckReport", "CheckTask", "Claim", "Grant", "Report", "Task"]);
    for (const mark of shown) expect(refusals(mark, message(mark)), mark).toBe("");
  });

  it.each(["Task", "Claim", "Grant", "Report", "CheckTask", "CheckReport"])(
    "refuse a %s that lacks any one of its keys that are required",
    (mark) => {
      for (const key of schemas.$defs[mark].required) {
        const { [key]: _, ...rest } = message(mark);
        expect(refusals(mark, rest), key).toContain(`'${key}'`);
      }
    },
  );

  it("let what a client reads have keys of later releases, at every depth, and what it writes have none", () => {
    const later = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(later);
      if (typeof value !== "object" || value === null) return value;
      const known = Object.entries(value).map(([key, inner]) => [
        key,
        key === "headers" ? inner : later(inner),
      ]);
      return { ...Object.fromEntries(known), ofALaterRelease: 1 };
    };
    expect(refusals("Task", later(message("Task")))).toBe("");
    expect(refusals("Grant", later(message("Grant")))).toBe("");
    expect(refusals("Claim", later(message("Claim")))).toContain("additional properties");
    expect(refusals("Report", later(message("Report")))).toContain("additional properties");
  });
});
