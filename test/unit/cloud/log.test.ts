// Log lines: one JSON object each, errors with their causes, and nothing that a field could forge.
import { describe, expect, it, vi } from "vitest";
import { createLogger } from "../../../shared/cloud/log.ts";
import { currentTrace, withinTrace } from "../../../shared/cloud/trace.ts";
import { FlError } from "../../../shared/core/errors.ts";

function logging(fields: Record<string, unknown> = { function: "coordinator" }) {
  const lines: string[] = [];
  const log = createLogger(fields, (line) => lines.push(line));
  const records = () => lines.map((line): Record<string, unknown> => JSON.parse(line));
  return { log, lines, records };
}

describe("createLogger", () => {
  it("says which revision wrote a line, and which request it belongs to", () => {
    const lines: string[] = [];
    const env = {
      K_SERVICE: "fedstratus-api",
      K_REVISION: "fedstratus-api-00007-abc",
      GOOGLE_CLOUD_PROJECT: "lab",
    };
    const log = createLogger({}, (line) => lines.push(line), env).with({ runId: "r" });
    const id = "4bf92f3577b34da6a3ce929d0e0e4736";
    log.info("outside");
    withinTrace({ traceparent: `00-${id}-00f067aa0ba902b7-01` }, () => log.info("w3c"));
    withinTrace({ "x-cloud-trace-context": `${id}/123;o=1` }, () => log.info("google"));
    const [outside, ...within] = lines.map((line): Record<string, unknown> => JSON.parse(line));
    expect(outside).not.toHaveProperty(["logging.googleapis.com/trace"]);
    expect(outside).toMatchObject({
      serviceContext: { service: "fedstratus-api", version: "fedstratus-api-00007-abc" },
    });
    for (const record of within) {
      expect(record["logging.googleapis.com/trace"]).toBe(`projects/lab/traces/${id}`);
    }
  });

  it("keeps requests served at the same time apart", async () => {
    const lines: string[] = [];
    const log = createLogger({}, (line) => lines.push(line), { GOOGLE_CLOUD_PROJECT: "lab" });
    const ids = ["a".repeat(32), "b".repeat(32)];
    await Promise.all(
      ids.map((id) =>
        withinTrace({ traceparent: `00-${id}-00f067aa0ba902b7-01` }, async () => {
          await Promise.resolve();
          log.info(id);
        }),
      ),
    );
    for (const record of lines.map((line): Record<string, unknown> => JSON.parse(line))) {
      expect(record["logging.googleapis.com/trace"]).toBe(`projects/lab/traces/${record["message"]}`);
    }
  });

  it.each([
    "",
    "00-xyz-00f067aa0ba902b7-01",
    `00-${"0".repeat(32)}-00f067aa0ba902b7-01`,
    `00-${"a".repeat(32)}\n-00f067aa0ba902b7-01`,
    `00-${"a".repeat(33)}-00f067aa0ba902b7-01`,
  ])("takes no trace from %j", (traceparent) => {
    expect(withinTrace({ traceparent }, currentTrace)).toBeUndefined();
  });

  it("writes a line for each call, in the words of Cloud Logging", () => {
    const { log, records } = logging();
    log.info("opened", { round: 3 });
    log.warn("late");
    log.error("failed");
    expect(records()).toEqual([
      { severity: "INFO", message: "opened", time: expect.any(String), function: "coordinator", round: 3 },
      { severity: "WARNING", message: "late", time: expect.any(String), function: "coordinator" },
      { severity: "ERROR", message: "failed", time: expect.any(String), function: "coordinator" },
    ]);
    expect(new Date(`${records()[0]?.["time"]}`).toISOString()).toBe(records()[0]?.["time"]);
  });

  it("adds fields to every line of a log made with them; the newer wins", () => {
    const { log, records } = logging();
    log.with({ runId: "r", round: 1 }).with({ round: 2 }).info("x", { clientId: "c" });
    log.info("y");
    expect(records()[0]).toMatchObject({ function: "coordinator", runId: "r", round: 2, clientId: "c" });
    expect(records()[1]).not.toHaveProperty("runId");
  });

  it("writes errors as their stack, with the causes", () => {
    const { log, records } = logging();
    const cause = new TypeError("socket closed");
    log.error("failed", { error: new FlError("unavailable", "No answer.", { cause }) });
    const text = `${records()[0]?.["error"]}`;
    expect(text).toMatch(/^FlError: No answer\.\n +at /);
    expect(text).toMatch(/\ncaused by TypeError: socket closed\n +at /);
  });

  it("writes an error without a stack by its name and message", () => {
    const { log, records } = logging();
    const error = new Error("plain");
    delete error.stack;
    log.error("failed", { error });
    expect(records()[0]?.["error"]).toBe("Error: plain");
  });

  it("stays one line, whatever it is given", () => {
    const { log, lines } = logging();
    log.info('line one\nline "two"', { reason: "a\r\nb\u2028c" });
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toMatch(/[\r\n]/);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ reason: "a\r\nb\u2028c" });
  });

  it("no field takes the place of the message, the severity or the time", () => {
    const { log, records } = logging();
    log.error("real", { message: "forged", severity: "DEBUG", time: "never" });
    expect(records()[0]).toMatchObject({ message: "real", severity: "ERROR" });
    expect(records()[0]?.["time"]).not.toBe("never");
  });

  it("writes to standard output by default", () => {
    const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
    createLogger({}).info("hello");
    expect(write).toHaveBeenCalledExactlyOnceWith(expect.stringMatching(/^\{.*"message":"hello".*\}\n$/));
    write.mockRestore();
  });
});
