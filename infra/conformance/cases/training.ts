// A task from its delivery to its report: what every client does where nothing is unusual.
import { createHash } from "node:crypto";
import { modelObject } from "../../../shared/core/round/objects.ts";
import { ClaimRequest } from "../../../shared/core/schemas/protocol.ts";
import { type Exchange, jsonOf, play, problemsOf, reportsOf } from "../exchange.ts";
import type { Seen } from "../stage.ts";
import { type Case, deltaOf, notDone, updateMissing, updateOf } from "../verdict.ts";

/** Headers that prove who somebody is; a signed link needs none of them. */
const IDENTITY_HEADERS = ["authorization", "x-serverless-authorization", "cookie", "metadata-flavor"];

/** What clocks and rounding may differ by. */
const SLACK_MS = 2_000;

const SAME_DIRECTION = 0.999;

export const trainingCases: readonly Case[] = [
  {
    name: "task",
    title: "trains on a task, reports an update, and answers the queue 2xx",
    run: async (_, plain) => {
      const exchange = await plain();
      return { problems: [...updateMissing(exchange), ...notDone(exchange)] };
    },
  },
  {
    name: "claim",
    title: "claims as its own service account, with the release that it knows",
    run: async ({ run }, plain) => {
      const claims = (await plain()).seen.filter(({ to }) => to === "claim");
      if (claims.length === 0) return { problems: ["it claimed nothing: POST {coordinator}/claim"] };
      return { problems: claims.flatMap((seen) => claimProblems(seen, run.release)) };
    },
  },
  {
    name: "links",
    title: "reads and writes by the links, with exactly their addresses and headers",
    run: async (_, plain) => {
      const { seen, task, baseVersion } = await plain();
      const storage = seen.filter(({ to }) => to === "storage");
      const model = modelObject(task.runId, baseVersion);
      return {
        problems: [
          ...storage.flatMap(({ method, path, linkProblem }) =>
            linkProblem === undefined ? [] : [`${method} ${path.split("?")[0]}: ${linkProblem}`],
          ),
          ...(storage.some(({ object }) => object === model) ? [] : ["it did not read the model"]),
        ],
      };
    },
  },
  {
    name: "identity",
    title: "proves who it is to the coordinator only, never to a link",
    run: async (_, plain) => {
      const { seen } = await plain();
      const sent = seen
        .filter(({ to }) => to === "storage" || to === "elsewhere")
        .flatMap(({ method, headers }) =>
          IDENTITY_HEADERS.filter((name) => headers[name] !== undefined).map(
            (name) => `it sent ${name} with a ${method} of a link`,
          ),
        );
      return { problems: [...new Set(sent)] };
    },
  },
  {
    name: "order",
    title: "uploads before it reports",
    run: async (_, plain) => {
      const exchange = await plain();
      const missing = updateMissing(exchange);
      if (missing.length > 0) return { problems: missing };
      const upload = exchange.seen.findIndex(({ to, method }) => to === "storage" && method === "PUT");
      const report = exchange.seen.findIndex(({ to }) => to === "report");
      return {
        problems: upload >= 0 && upload < report ? [] : ["it reported before its update was uploaded"],
      };
    },
  },
  {
    name: "update",
    title: "sends an update with the names, shapes, types and metadata that the grant asks for",
    run: async (_, plain) => {
      const read = deltaOf(await plain());
      return { problems: "problems" in read ? read.problems : [] };
    },
  },
  {
    name: "difference",
    title: "sends what training has changed, not the weights, and something has changed",
    run: async (_, plain) => {
      const exchange = await plain();
      const read = deltaOf(exchange);
      if ("problems" in read) return { problems: read.problems };
      const [delta, base] = [read.delta, exchange.base].map((weights) =>
        weights.flatMap(({ values }) => [...values]),
      );
      const [norm, cosine] = [lengthOf(delta ?? []), cosineOf(delta ?? [], base ?? [])];
      return {
        problems: [
          ...(norm === 0 ? ["nothing has changed: every value of the update is 0"] : []),
          ...(cosine > SAME_DIRECTION
            ? ["the update points as the weights do: send after - before, not the weights after training"]
            : []),
        ],
      };
    },
  },
  {
    name: "checksum",
    title: "reports the size and the SHA-256 of the very bytes that it has uploaded",
    run: async (_, plain) => {
      const exchange = await plain();
      const updated = updateOf(exchange);
      if (updated === undefined) return { problems: updateMissing(exchange) };
      const { file, request } = updated;
      const { attempt, sizeBytes, sha256 } = updated.result.update;
      if (file === undefined) return { problems: [`nothing was uploaded for attempt ${request.attempt}`] };
      return {
        problems: [
          ...(sizeBytes === file.byteLength
            ? []
            : [`it says ${sizeBytes} bytes, and uploaded ${file.byteLength}`]),
          ...(sha256 === createHash("sha256").update(file).digest("hex")
            ? []
            : ["its SHA-256 is of other bytes"]),
          ...(attempt === request.attempt
            ? []
            : [`its update is of attempt ${attempt}, its report of ${request.attempt}`]),
        ],
      };
    },
  },
  {
    name: "report",
    title: "reports what the schema asks for, with times and sizes that are possible",
    run: async (_, plain) => {
      const exchange = await plain();
      const problems = reportsOf(exchange).flatMap((report) => report.problems);
      return { problems: [...problems, ...(problems.length > 0 ? [] : impossible(exchange))] };
    },
  },
  {
    name: "base-version",
    title: "trains from the version that the grant names, each time",
    run: async (bench, plain) => {
      await plain(); // Of version 0.
      const weights = bench.run.weights.map((weight) => ({
        ...weight,
        values: weight.values.map((value) => value / 2),
      }));
      const exchange = await play(bench, { weights, baseVersion: 7 });
      const read = deltaOf(exchange);
      const model = modelObject(exchange.task.runId, 7);
      return {
        problems: [
          ...("problems" in read ? read.problems : []),
          ...(exchange.seen.some(({ object }) => object === model) ? [] : ["it did not read version 7"]),
        ],
      };
    },
  },
];

function claimProblems(seen: Seen, needed: number): readonly string[] {
  if (seen.tokenProblem !== undefined) return [`its token is not accepted: ${seen.tokenProblem}`];
  const asked = ClaimRequest.safeParse(jsonOf(seen));
  if (!asked.success) return problemsOf(asked.error);
  const release = asked.data.release ?? 1;
  return release >= needed ? [] : [`it knows release ${release}, and this run takes ${needed}`];
}

function impossible(exchange: Exchange): readonly string[] {
  const updated = updateOf(exchange);
  if (updated === undefined) return updateMissing(exchange);
  const { request, result, file } = updated;
  const { training } = result;
  const worked = Object.values(request.timings).reduce<number>((sum, ms) => sum + (ms ?? 0), 0);
  const allowed = exchange.tookMs + SLACK_MS + request.timings.coldStartMs + request.timings.queueWaitMs;
  const uploaded = file?.byteLength ?? 0;
  return [
    ...(training.steps > 0 ? [] : ["it reports an update of no steps"]),
    ...(worked <= allowed
      ? []
      : [`its times add up to ${worked} ms, and the call took ${exchange.tookMs} ms`]),
    ...(request.bytesUp >= uploaded ? [] : [`bytesUp is ${request.bytesUp}, and it uploaded ${uploaded}`]),
    ...(request.bytesDown >= exchange.modelBytes
      ? []
      : [`bytesDown is ${request.bytesDown}, and the model has ${exchange.modelBytes} bytes`]),
    ...(Math.abs(request.sentAt - exchange.startedMs) <= exchange.tookMs + 60_000
      ? []
      : ["sentAt is not the time of the report in ms since 1970"]),
  ];
}

function lengthOf(values: readonly number[]): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}

/** 0 where one of them is. */
function cosineOf(a: readonly number[], b: readonly number[]): number {
  const lengths = lengthOf(a) * lengthOf(b);
  return lengths === 0 ? 0 : a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0) / lengths;
}
