// Clients for people: a row in a table, one screen, and what a check has found.
import type { Check } from "../../../shared/core/schemas/check.ts";
import type { Client } from "../../../shared/core/schemas/client.ts";
import type { Read } from "../frame/api.ts";
import { relativeText } from "../frame/duration.ts";
import { factLines } from "../output/factLines.ts";
import type { Column } from "../output/output.ts";

export function clientColumns(nowMs: number): readonly Column<Read<Client>>[] {
  return [
    { key: "clientId", title: "client", rank: 0, text: ({ value }) => value.clientId },
    {
      key: "capacity.memoryMib",
      title: "MiB",
      align: "right",
      rank: 2,
      text: ({ value }) => String(value.capacity.memoryMib),
    },
    { key: "labels", title: "labels", rank: 1, text: ({ value }) => labelText(value.labels) },
    { key: "cannot.reason", title: "cannot train", rank: 1, text: ({ value }) => cannotText(value) ?? "" },
    {
      key: "registeredAt",
      title: "registered",
      rank: 3,
      text: ({ value }) => new Date(value.registeredAt).toISOString(),
      short: ({ value }) => relativeText(value.registeredAt, nowMs),
    },
    { key: "url", title: "url", rank: 4, text: ({ value }) => value.url },
  ];
}

export function clientLines(
  client: Client,
  { unanswered, lastCheck }: { readonly unanswered: string | null; readonly lastCheck: Check | null },
  nowMs: number,
): readonly string[] {
  const { capacity, dataCard, labels, registeredAt } = client;
  const lines = factLines([
    ["client", client.clientId],
    ["url", client.url],
    ["service account", client.serviceAccount],
    ["capacity", `${capacity.memoryMib} MiB, ${capacity.vcpu} vCPU, ${capacity.timeoutSeconds} s`],
    ["labels", labelText(labels)],
    ["data", dataCard.description],
    ["samples", dataCard.samples],
    ["classes", dataCard.classes],
    ["registered", `${new Date(registeredAt).toISOString()} (${relativeText(registeredAt, nowMs)})`],
    ["cannot train", cannotText(client)],
    ["unanswered", unanswered],
  ]);
  return lastCheck === null ? lines : [...lines, "", ...checkLines(lastCheck, nowMs)];
}

/** What a check found: facts first, what is wrong last. */
function checkLines(check: Check, nowMs: number): readonly string[] {
  const { facts, problems, askedAt, clientId, status, seen, otherAccount } = check;
  const shape = (sizes: readonly number[] | null | undefined) =>
    sizes === null || sizes === undefined ? null : sizes.join(" × ");
  return [
    ...factLines([
      ["check", `${clientId} ${status} (${relativeText(askedAt, nowMs)})`],
      ["backend", facts?.backend],
      [
        "cold start",
        facts === null || !facts.coldStart ? null : `${(facts.coldStartMs / 1_000).toFixed(1)} s`,
      ],
      ["samples", facts?.samples],
      ["input", shape(facts?.inputShape)],
      ["classes", facts?.classes],
      ["rows left out", facts?.rows?.refused.map(({ reason, rows }) => `${rows} ${reason}`).join(", ")],
      ["memory", facts === null ? null : `${Math.ceil(facts.peakRssMib)} of ${facts.memoryMib ?? "?"} MiB`],
      ["training step", facts?.stepMs == null ? null : `${facts.stepMs.toFixed(0)} ms`],
      ["last call", status === "unanswered" ? seen : null],
      ["other account", otherAccount],
    ]),
    ...problems.map(({ message }) => `problem: ${message}`),
  ];
}

export function checkColumns(): readonly Column<Read<Check>>[] {
  return [
    { key: "clientId", title: "client", rank: 0, text: ({ value }) => value.clientId },
    { key: "status", title: "check", rank: 0, text: ({ value }) => value.status },
    {
      key: "facts.samples",
      title: "samples",
      align: "right",
      rank: 1,
      text: ({ value }) => text(value.facts?.samples),
    },
    {
      key: "facts.coldStartMs",
      title: "cold start ms",
      align: "right",
      rank: 2,
      text: ({ value }) => msText(value.facts?.coldStartMs),
    },
    {
      key: "facts.stepMs",
      title: "step ms",
      align: "right",
      rank: 2,
      text: ({ value }) => msText(value.facts?.stepMs),
    },
    { key: "facts.backend", title: "backend", rank: 3, text: ({ value }) => text(value.facts?.backend) },
    {
      key: "problems",
      title: "problems",
      rank: 0,
      text: ({ value }) => value.problems.map(({ message }) => message).join(" ") || unansweredText(value),
    },
  ];
}

function unansweredText({ status, seen }: Check): string {
  return status === "unanswered" ? (seen ?? "nothing was heard") : "";
}

/** Three digits, and what is before the point. */
function msText(ms: number | null | undefined): string {
  return ms === null || ms === undefined
    ? ""
    : String(ms >= 100 ? Math.round(ms) : Number(ms.toPrecision(3)));
}

function text(value: string | number | null | undefined): string {
  return value === null || value === undefined ? "" : String(value);
}

function labelText(labels: Client["labels"]): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}

function cannotText({ cannot }: Client): string | null {
  if (cannot === undefined) return null;
  return cannot.runId === null ? cannot.reason : `${cannot.reason} (run ${cannot.runId})`;
}
