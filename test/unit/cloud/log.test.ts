// Log lines: one JSON object each, errors with their causes, and nothing that a field could forge.
import { describe, expect, it, vi } from "vitest";
import { createLogger } from "../../../shared/cloud/log.ts";
import { FlError } from "../../../shared/core/errors.ts";

function logging(fields: Record<string, unknown> = { function: "coordinator" }) {
  const lines: string[] = [];
  const log = createLogger(fields, (line) => lines.push(line));
  const records = () => lines.map((line): Record<string, unknown> => JSON.parse(line));
  return { log, lines, records };
}

describe("createLogger", () => {
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

  it("stays one line, whatever it is told", () => {
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
