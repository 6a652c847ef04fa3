// What a client does where the coordinator or the storage cannot take a call, or its answer is lost: it tries
// again, as long as that makes sense, and then leaves it to the queue.
import { deliver, type Exchange, play, reportsOf } from "../exchange.ts";
import { refusal, type StageAnswer, type StorageAnswer, type StorageCall } from "../stage.ts";
import { answers, type Case, isSuccess, notDone, updateMissing } from "../verdict.ts";

const busy = (retryAfter?: number) => refusal(503, "unavailable", "Not now.", retryAfter);
const first = (answer: StageAnswer | null) => (number: number) => (number === 1 ? answer : undefined);

const RETRY_AFTER_SECONDS = 1;
/** What a pause may be shorter by, for clocks. */
const SLACK_MS = 100;

/** Calls in one delivery that nobody would wait between. */
const STORM = { calls: 60, meanPauseMs: 200 };

const trained = (exchange: Exchange) => [...updateMissing(exchange), ...notDone(exchange)];

export const interruptionCases: readonly Case[] = [
  {
    name: "claim-busy",
    title: "claims again after a 503, not before Retry-After has passed",
    run: async (bench) => {
      const exchange = await play(bench, { claim: first(busy(RETRY_AFTER_SECONDS)) });
      const [one, two] = exchange.seen.filter(({ to }) => to === "claim");
      const pauseMs = (two?.atMs ?? Number.POSITIVE_INFINITY) - (one?.atMs ?? 0);
      const early =
        pauseMs < RETRY_AFTER_SECONDS * 1_000 - SLACK_MS
          ? [`it claimed again after ${pauseMs} ms, and Retry-After was ${RETRY_AFTER_SECONDS} s`]
          : [];
      return { problems: [...trained(exchange), ...early] };
    },
  },
  {
    name: "claim-cut-off",
    title: "claims again where the answer to a claim is lost",
    run: async (bench) => ({ problems: trained(await play(bench, { claim: first(null) })) }),
  },
  {
    name: "download-busy",
    title: "reads the model again after a 503",
    run: async (bench) => {
      const storage = failing("GET", "/models/", { status: 503 });
      return { problems: trained(await play(bench, { storage })) };
    },
  },
  {
    name: "expired-link",
    title: "answers the queue 503 where a link has expired, and trains by the links of its next claim",
    run: async (bench) => {
      let claims = 0;
      const exchange = await play(bench, {
        claim: (number) => {
          claims = number;
          return undefined;
        },
        storage: ({ method, object }) =>
          method === "GET" && object.includes("/models/") && claims === 1
            ? { status: 400, body: "<Error><Code>ExpiredToken</Code></Error>" }
            : undefined,
      });
      const [first] = exchange.deliveries;
      return {
        problems: [
          ...trained(exchange),
          ...(first !== undefined && first.status >= 500
            ? []
            : [`${answers(exchange)}: first 503, then 2xx`]),
        ],
      };
    },
  },
  {
    name: "upload-busy",
    title: "uploads again after a 503",
    run: async (bench) => {
      const storage = failing("PUT", "/updates/", { status: 503 });
      return { problems: trained(await play(bench, { storage })) };
    },
  },
  {
    name: "upload-lost",
    title: "takes a 412 for its own upload, whose answer was lost",
    run: async (bench) => {
      const storage = failing("PUT", "/updates/", { status: 503, isDone: true });
      return { problems: trained(await play(bench, { storage, deliveries: 1 })) };
    },
  },
  {
    name: "report-busy",
    title: "reports again after a 503",
    run: async (bench) => ({ problems: trained(await play(bench, { report: first(busy()) })) }),
  },
  {
    name: "report-cut-off",
    title: "reports again where the answer to a report is lost",
    run: async (bench) => ({ problems: trained(await play(bench, { report: first(null) })) }),
  },
  {
    name: "no-storm",
    title: "leaves it to the queue, by a 503, where the coordinator stays away; with pauses until then",
    run: async (bench) => {
      const exchange = await play(bench, { claim: () => busy(), deliveries: 1 });
      const claims = exchange.seen.filter(({ to }) => to === "claim");
      const status = exchange.deliveries.at(-1)?.status ?? 0;
      const tookMs = (claims.at(-1)?.atMs ?? 0) - (claims[0]?.atMs ?? 0);
      const pauseMs = claims.length > 1 ? tookMs / (claims.length - 1) : Number.POSITIVE_INFINITY;
      return {
        problems: [
          ...(status >= 500 || status === 429 ? [] : [`${answers(exchange)}: the task would not come again`]),
          ...(claims.length <= STORM.calls ? [] : [`it claimed ${claims.length} times for one task`]),
          ...(pauseMs >= STORM.meanPauseMs
            ? []
            : [`it claimed every ${Math.round(pauseMs)} ms: double the pauses`]),
        ],
      };
    },
  },
  {
    name: "twice",
    title: "does nothing where a task comes again that is done",
    run: async (bench) => {
      const exchange = await play(bench);
      const before = exchange.seen.length;
      const again = await deliver(bench, exchange.task);
      const after = exchange.seen.slice(before);
      return {
        problems: [
          ...trained(exchange),
          ...(isSuccess(again.status)
            ? []
            : [`it answered the second delivery HTTP ${again.status}: answer it 2xx`]),
          ...(after.some(({ to }) => to === "report" || to === "storage")
            ? ["it worked on a task whose claim was refused"]
            : []),
        ],
      };
    },
  },
  {
    name: "together",
    title: "keeps two deliveries at the same time apart: each uploads by the links of its own attempt",
    run: async (bench) => {
      const exchange = await play(bench, { together: 2 });
      const strange = reportsOf(exchange).flatMap(({ request }) => {
        if (request?.result.kind !== "update") return [];
        const { attempt } = request;
        const own = [...exchange.objects.keys()].some(
          (name) => name.includes("/updates/") && name.endsWith(`-${attempt}.safetensors`),
        );
        return own ? [] : [`it reported attempt ${attempt}, and uploaded nothing by its link`];
      });
      const stuck = exchange.deliveries.filter(
        ({ status }) => !isSuccess(status) && status !== 429 && status < 500,
      );
      return {
        problems: [
          ...updateMissing(exchange),
          ...strange,
          ...stuck.map(
            ({ status }) => `it answered one of them HTTP ${status}: answer 2xx, or 503 to get it again`,
          ),
        ],
      };
    },
  },
];

/** The storage's answer to the first call of this kind. */
function failing(method: string, part: string, answer: StorageAnswer) {
  let calls = 0;
  return (call: StorageCall) =>
    call.method === method && call.object.includes(part) && ++calls === 1 ? answer : undefined;
}
