// The alert of the deployment looks for what the functions write: the line that is written, against the
// filter that is applied.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it } from "vitest";
import * as z from "zod";
import { createLogger } from "../../../shared/cloud/log.ts";
import { type ErrorCode, FlError, type Retry } from "../../../shared/core/errors.ts";
import { apiEndpoint, taskEndpoint } from "../../../shared/http/endpoints.ts";
import { NoParams, NoQuery, route } from "../../../shared/http/routes.ts";
import { request } from "../http/requests.ts";

const folder = resolve(import.meta.dirname, "../../../terraform/modules/observability");
const text = (file: string) => readFileSync(resolve(folder, file), "utf8");

/** `jsonPayload.<field>="<value>"` of the counter that the alert takes its filter from. */
function alertFilter(): readonly [field: string, value: string] {
  const counter = /name\s*=\s*"tasks need an operator"\s*filter\s*=\s*local\.counters\.(\w+)\.filter/.exec(
    text("alerts.tf"),
  )?.[1];
  const filter = new RegExp(`${counter}\\s*=\\s*{ filter = "jsonPayload\\.(\\w+)=\\\\"([^"\\\\]+)\\\\""`);
  const [, field = "", value = ""] = filter.exec(text("metrics.tf")) ?? [];
  return [field, value];
}

async function linesOf(endpoint: typeof taskEndpoint, error: FlError): Promise<Record<string, unknown>[]> {
  const lines: Record<string, unknown>[] = [];
  const log = createLogger({ function: "test" }, (line) => lines.push(JSON.parse(line)), {});
  const fails = route<string>("parts")({
    method: "POST",
    path: "/do",
    summary: "Fails.",
    params: NoParams,
    query: NoQuery,
    body: z.strictObject({ runId: z.string() }),
    answer: { status: 200, schema: z.strictObject({}) },
    run: () => Promise.reject(error),
  });
  const body = { runId: "fashion-20-1f9c0a77" };
  const handle = endpoint({ routes: [fails], authenticate: async () => "ada@example.org", log });
  await handle(request({ method: "POST", path: "/do", body }));
  return lines;
}

const person: Retry = "needs-a-person";
it.each<[ErrorCode, Retry]>([
  ["internal", person],
  ["unavailable", person],
  ["failed-precondition", person],
  ["permission-denied", "never"],
  ["unauthenticated", "never"],
  ["data-loss", "never"],
])("a task that fails with %s, %s, is what the alert looks for", async (code, retry) => {
  const [field, value] = alertFilter();
  expect(value).not.toBe("");
  const [line, ...others] = await linesOf(taskEndpoint, new FlError(code, "No right to.", { retry }));
  expect(others).toEqual([]);
  expect(line).toMatchObject({
    [field]: value,
    severity: "ERROR",
    path: "/do",
    runId: "fashion-20-1f9c0a77",
    code,
    reason: "No right to.",
  });
});

it("a call of the api is, too, where a person has to change the deployment, and otherwise not", async () => {
  const [field, value] = alertFilter();
  const missing = new FlError("internal", "No right to.", { retry: person });
  expect(await linesOf(apiEndpoint, missing)).toMatchObject([{ [field]: value, severity: "ERROR" }]);
  expect(await linesOf(apiEndpoint, new FlError("permission-denied", "Not yours."))).toEqual([]);
  const [passing] = await linesOf(taskEndpoint, new FlError("unavailable", "Later."));
  expect(passing?.[field]).not.toBe(value);
});
