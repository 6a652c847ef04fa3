// Records calls of the api as examples: what was sent and answered. In the place of what differs from one
// recording to the next stands what readers expect there.
import type { TestCloud } from "./cloud.ts";

export interface Example {
  readonly params?: Readonly<Record<string, string | number>>;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly body?: unknown;
  readonly answer: unknown;
}

/** By method and path, as the routes are written. */
export type Recorded = Readonly<Record<string, Example>>;

interface Given extends Omit<Example, "answer"> {
  readonly key?: string;
  /** False: the call is made for what follows from it. */
  readonly isExample?: boolean;
}

/** Moments by the names of their fields; all others are NOON. */
const NOON = "2026-11-30T12:00:00.000Z";
const MOMENTS: Readonly<Record<string, string>> = {
  registeredAt: "2026-11-30T11:58:00.000Z",
  createdAt: "2026-11-30T11:59:00.000Z",
  startedAt: "2026-11-30T11:59:30.000Z",
  claimedAt: "2026-11-30T12:00:02.000Z",
  reportedAt: "2026-11-30T12:00:20.000Z",
  aggregatingAt: "2026-11-30T12:00:20.000Z",
  closedAt: "2026-11-30T12:00:21.000Z",
  endedAt: "2026-11-30T12:00:22.000Z",
  updatedAt: "2026-11-30T12:00:22.000Z",
  deadlineAt: "2026-11-30T12:01:00.000Z",
  expiresAt: "2026-11-30T12:05:00.000Z",
  untilAt: "2026-11-30T13:00:00.000Z",
};

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const LINK = "https://storage.googleapis.com/my-models/…?X-Goog-Expires=300&X-Goog-Signature=…";
/** Long lists say no more than short ones. */
const MAX_ITEMS = 1;

export function recorder(cloud: TestCloud) {
  const examples = new Map<string, Example>();
  return {
    /** @param path as the route is written, with its parameters in braces. Returns the answer as it came. */
    call: async (method: string, path: string, given: Given = {}): Promise<unknown> => {
      const { params = {}, query, body, key, isExample = true } = given;
      const text = new URLSearchParams(
        Object.entries(query ?? {}).map(([name, value]) => [name, String(value)] as [string, string]),
      );
      const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => String(params[name]));
      const { status, body: answer } = await cloud.call(
        method,
        text.size === 0 ? filled : `${filled}?${text}`,
        body,
        key === undefined ? {} : { "idempotency-key": key },
      );
      if (status >= 300) throw new Error(`${method} ${filled} answered ${status}: ${JSON.stringify(answer)}`);
      if (isExample) {
        examples.set(`${method} ${path}`, {
          ...(Object.keys(params).length === 0
            ? {}
            : { params: settled(params, cloud.projectId) as typeof params }),
          ...(query === undefined ? {} : { query }),
          ...(body === undefined ? {} : { body }),
          answer: settled(answer, cloud.projectId),
        });
      }
      return answer;
    },
    recorded: (): Recorded => Object.fromEntries([...examples].toSorted(([a], [b]) => (a < b ? -1 : 1))),
  };
}

/** The value with what no two recordings share replaced: moments, durations, costs, links, cursors and hashes. */
function settled(value: unknown, projectId: string, name = ""): unknown {
  if (Array.isArray(value)) {
    const items = name === "items" ? value.slice(0, MAX_ITEMS) : value;
    return items.map((item) => settled(item, projectId, name));
  }
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, settled(item, projectId, key)]),
    );
  }
  if (typeof value === "number") return settledNumber(value, name);
  return typeof value === "string" ? settledText(value, name).replaceAll(projectId, "my-project") : value;
}

function settledNumber(value: number, name: string): number {
  if (/Usd$/.test(name) && value !== 0) return 0.00042;
  return /Ms(?=[A-Z]|$)/.test(name) && value !== 0 ? 1_250 : value;
}

function settledText(value: string, name: string): string {
  if (ISO.test(value)) return MOMENTS[name] ?? NOON;
  if (/^(cursor|nextCursor)$/.test(name)) return "WzIsMiwxNzk2MDQwMDIyMDAwXQ";
  if (name === "uploadId") return "0000000100000002";
  if (name === "updateGeneration") return "1796040020000000";
  if (name === "sha256") return "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
  // A key makes the end of a run's id, by the caller among others.
  if (name === "runId") return value.replace(/-[0-9a-f]{8}$/, "-1f9c0a77");
  return /^https?:\/\/127\.0\.0\.1/.test(value) ? LINK : value;
}
