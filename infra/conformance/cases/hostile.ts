// What a client does with what it must not follow: links to other servers, files that are not what they are
// said to be, and callers that are not the queue.
import { encodeSafetensors, floatTensor } from "../../../shared/core/updates/safetensors.ts";
import { tensorsOf } from "../../../shared/core/updates/weights.ts";
import { CLIENT_ID, deliver, type Exchange, play, type Setup } from "../exchange.ts";
import { CANARY, type Case, failureOf, isSuccess, refusedProblems, strays, uploads } from "../verdict.ts";

/** Lines of a stack as JavaScript, Java, Python and Go have them. */
const STACK = /^\s+at \S|^Traceback |^\s*File "|^goroutine \d/m;

/** For longer than clocks may differ. */
const EXPIRED_SECONDS = 3_600;

type Json = Readonly<Record<string, unknown>>;
type Link = { readonly url: string; readonly headers: Readonly<Record<string, string>> };

export const hostileCases: readonly Case[] = [
  {
    name: "damaged-model",
    title: "reports a failure where the model is no safetensors file, and repeats nothing of it",
    run: async (bench) => {
      const size = encodeSafetensors(tensorsOf(bench.run.weights)).byteLength;
      const modelFile = new TextEncoder().encode(CANARY.padEnd(Math.max(size, 64), "."));
      const exchange = await play(bench, { modelFile });
      return { problems: [...refusedProblems(exchange), ...told(exchange)] };
    },
  },
  {
    name: "truncated-model",
    title: "trains nothing where the model's file is cut off",
    run: async (bench) => {
      const whole = encodeSafetensors(tensorsOf(bench.run.weights));
      return { problems: untrained(await play(bench, { modelFile: whole.subarray(0, -3), deliveries: 1 })) };
    },
  },
  {
    name: "other-model",
    title: "reports a failure where the model's file has other parameters than the grant",
    run: async (bench) => {
      const modelFile = encodeSafetensors([floatTensor(CANARY, [2], Float32Array.of(1, 2))]);
      const exchange = await play(bench, { modelFile });
      return { problems: [...refusedProblems(exchange), ...told(exchange)] };
    },
  },
  {
    name: "foreign-model",
    title: "does not follow a link to the model that leads to another server, and reports a failure",
    run: async (bench) => hostileGrant(await play(bench, changed("model", moved(bench.stage.elsewhereUrl)))),
  },
  {
    name: "foreign-upload",
    title: "does not follow a link to upload to that leads to another server, and reports a failure",
    run: async (bench) => hostileGrant(await play(bench, changed("update", moved(bench.stage.elsewhereUrl)))),
  },
  {
    name: "strange-headers",
    title: "refuses a link with headers that no signed link has, and reports a failure",
    run: async (bench) =>
      hostileGrant(
        await play(
          bench,
          changed("model", ({ url, headers }) => ({
            url,
            headers: { ...headers, "metadata-flavor": "Google" },
          })),
        ),
      ),
  },
  {
    name: "data-name",
    title: "trains nothing where the grant names a data set by what is not a name, such as a path",
    run: async (bench) => {
      const problems: string[] = [];
      for (const data of ["../data", "a/b", ""]) {
        problems.push(
          ...untrained(await play(bench, { grant: (grant: Json) => ({ ...grant, data }), deliveries: 1 })),
        );
      }
      return { problems };
    },
  },
  {
    name: "redirect",
    title: "follows no redirect of a link",
    run: async (bench) => {
      const location = `${bench.stage.elsewhereUrl}/object`;
      const problems: string[] = [];
      for (const [method, status] of [
        ["GET", 302],
        ["PUT", 307],
      ] as const) {
        const exchange = await play(bench, {
          storage: (call) => (call.method === method ? { status, headers: { location } } : undefined),
          deliveries: 1,
        });
        problems.push(...untrained(exchange), ...strays(exchange));
      }
      return { problems };
    },
  },
  {
    name: "callers",
    title: "refuses callers other than the queue, with 401 or 403, and claims nothing",
    run: async (bench) => {
      if (bench.platformChecks)
        return { skipped: "the platform checks who calls the client (--platform-checks)" };
      const { stage, clientUrl } = bench;
      const { seen, task } = await play(bench, { claim: () => ({ status: 409, body: {} }), deliveries: 1 });
      const before = seen.length;
      const own = await stage.token(clientUrl);
      const ofAnother = await stage.token(clientUrl, { email: stage.clientAccount });
      const signedBy = (signature: string) => [...own.split(".").slice(0, 2), signature].join(".");
      const tokens: Readonly<Record<string, string>> = {
        "with a token of another account": ofAnother,
        "with a token for another function": await stage.token("https://other.example.org"),
        "with a token that has expired": await stage.token(clientUrl, { expiresInSeconds: -EXPIRED_SECONDS }),
        "with a token that is none": "e30.e30.AAAA",
        "with another token's signature": signedBy(ofAnother.split(".")[2] ?? ""),
        "with a token that is not signed": signedBy(""),
        "with a token whose signature was removed": signedBy("SIGNATURE_REMOVED_BY_GOOGLE"),
      };
      const callers: Readonly<Record<string, string | null>> = {
        "without a token": null,
        ...Object.fromEntries(Object.entries(tokens).map(([how, token]) => [how, `Bearer ${token}`])),
      };
      const problems: string[] = [];
      const asked: Readonly<Record<string, object>> = {
        "": task,
        "/warm": task,
        "/check": { clientId: CLIENT_ID, number: 1 },
      };
      for (const [path, body] of Object.entries(asked)) {
        for (const [how, authorization] of Object.entries(callers)) {
          const { status } = await deliver(bench, { ...body }, { path, authorization });
          // A path that it does not have need not be guarded.
          if (status === 401 || status === 403 || (path !== "" && status === 404)) continue;
          problems.push(`it answered a call${path === "" ? "" : ` of ${path}`} ${how} HTTP ${status}`);
        }
      }
      return { problems: [...problems, ...(seen.length > before ? ["it worked for such a caller"] : [])] };
    },
  },
  {
    name: "warm",
    title: "answers a call of /warm 2xx, and claims nothing",
    run: async (bench) => {
      const { seen, task } = await play(bench, { claim: () => ({ status: 409, body: {} }), deliveries: 1 });
      const before = seen.length;
      const { status } = await deliver(bench, task, { path: "/warm" });
      return {
        problems: [
          ...(isSuccess(status) ? [] : [`it answered HTTP ${status}`]),
          ...(seen.length > before ? ["it called the coordinator or the storage"] : []),
        ],
      };
    },
  },
];

function changed(key: "model" | "update", change: (link: Link) => Link): Setup {
  return {
    grant: (grant: Json) => ({ ...grant, [key]: { ...(grant[key] as Link), ...change(grant[key] as Link) } }),
  };
}

function moved(origin: string): (link: Link) => Link {
  return ({ url, headers }) => ({ headers, url: url.replace(new URL(url).origin, origin) });
}

function hostileGrant(exchange: Exchange) {
  const { seen } = exchange;
  const sent = seen.filter(({ headers, to }) => to === "storage" && headers["metadata-flavor"] !== undefined);
  return {
    problems: [
      ...refusedProblems(exchange),
      ...strays(exchange),
      ...sent.map(() => "it sent the header that no signed link has"),
    ],
  };
}

/** A failure is reported, or the task comes again; whichever, there is no update. */
function untrained(exchange: Exchange): readonly string[] {
  const status = exchange.deliveries.at(-1)?.status ?? 0;
  return [
    ...uploads(exchange).map(({ object }) => `it uploaded ${object ?? "something"}`),
    ...(failureOf(exchange) !== undefined || status >= 500
      ? []
      : [`it neither reported a failure nor answered the queue 503, but HTTP ${status}`]),
  ];
}

function told(exchange: Exchange): readonly string[] {
  const message = failureOf(exchange)?.message ?? "";
  return [
    ...(message.includes(CANARY) ? ["its message repeats what is behind the link"] : []),
    ...(STACK.test(message) ? ["its message has a stack: that is for its owner's log"] : []),
  ];
}
