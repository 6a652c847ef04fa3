// The names of Cloud Tasks resources: what they may look like, and their parts.
import { FlError } from "../../../shared/core/errors.ts";

const location = "projects/[A-Za-z0-9:.-]+/locations/[A-Za-z0-9-]+";
const locationPattern = new RegExp(`^${location}$`);
const queuePattern = new RegExp(`^${location}/queues/[A-Za-z0-9-]{1,100}$`);
const taskIdPattern = /^[A-Za-z0-9_-]{1,500}$/;

export function requireLocation(name: string): string {
  return requireMatch(name, locationPattern, "a location (projects/P/locations/L)");
}

export function requireQueueName(name: string): string {
  return requireMatch(
    name,
    queuePattern,
    "a queue (projects/P/locations/L/queues/Q with Q of 1 to 100 letters, digits and hyphens)",
  );
}

/** Checks a task's name and that it belongs to this queue. */
export function requireTaskName(name: string, queueName: string): string {
  const prefix = `${queueName}/tasks/`;
  if (!name.startsWith(prefix) || !taskIdPattern.test(name.slice(prefix.length))) {
    throw new FlError(
      "invalid-argument",
      `"${name.slice(0, 600)}" must be ${prefix}T with T of 1 to 500 letters, digits, hyphens and underscores.`,
    );
  }
  return name;
}

/** The queue that a task's name belongs to. */
export function queueOfTask(taskName: string): string {
  return taskName.replace(/\/tasks\/[^/]*$/, "");
}

/** The last part: a queue's or a task's own id. */
export function lastSegment(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

function requireMatch(name: string, pattern: RegExp, what: string): string {
  if (!pattern.test(name)) {
    throw new FlError("invalid-argument", `"${name.slice(0, 200)}" is not the name of ${what}.`);
  }
  return name;
}
