// Every command, for a person at a terminal, for a pipe and as JSON: done, not found, not allowed, while the
// api is not there, and with input that is wrong. Against the api's own function.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { COMMANDS } from "../../../infra/fedstratus/commands/table.ts";
import { exitsOf } from "../../../infra/fedstratus/frame/described.ts";
import { EXIT, type ExitName } from "../../../infra/fedstratus/frame/exitCodes.ts";
import type { Ran } from "../../support/commandLine.ts";
import { registerClients } from "../../support/scriptedClient.ts";
import { trainTwoRounds } from "../../support/twoRounds.ts";
import { CLIENTS, SPEC, type Stage, setStage } from "./stage.ts";

type Words = readonly string[];

interface Row {
  /** What is done; made anew for each kind of output. */
  readonly ok: (stage: Stage) => Words | Promise<Words>;
  /** The same of what is not there; absent where it names nothing. */
  readonly missing?: Words;
  /** Input that is wrong, and how it ends. */
  readonly bad: readonly {
    readonly words: Words;
    readonly exit: ExitName;
    /** Whether what is wrong is the result. */
    readonly isResult?: true;
  }[];
  /** Whether it works without the api. */
  readonly isOffline?: true;
  /** How it ends where it is done; absent: well. */
  readonly ends?: ExitName;
}

/** A run of two rounds that is completed. The api numbers runs. */
const done = "commands-00000001";
const NOBODY = "nobody-00000000";

/** Nobody answers here, and a client has one check at a time. */
async function neverChecked(cloud: Stage["cloud"]): Promise<string> {
  for (const clientId of CLIENTS) {
    const { body } = await cloud.call("GET", `/v1/clients/${clientId}/checks`);
    if (!JSON.stringify(body).includes('"number"')) return clientId;
  }
  throw new Error("All clients have been checked.");
}
/** A run that nobody works on. */
const idle =
  (...words: string[]) =>
  async ({ newRun }: Stage) => [...words, await newRun()];
const usage = (...words: string[]) => ({ words, exit: "usage" as const });

const badSpec = { words: ["bad.json"], exit: "input" as const };
const specProblems = (...words: string[]) => [
  { words: [...words, ...badSpec.words], exit: badSpec.exit },
  { words: [...words, "nowhere.json"], exit: "input" as const },
  { words: [...words, "no-json.json"], exit: "input" as const },
  usage(...words),
  usage(...words, "spec.json", "--set", "nothing"),
];

const ROWS: Readonly<Record<string, Row>> = {
  train: {
    ok: () => ["train", "spec.json", "--until", "round=9", "--timeout", "1ms", "--quiet"],
    ends: "waited",
    bad: [...specProblems("train"), usage("train", "spec.json", "--until", "noon")],
  },
  check: {
    ok: () => ["check", "spec.json"],
    bad: [
      { words: ["check", "bad.json"], exit: "input", isResult: true },
      { words: ["check", "bad.json", "--offline"], exit: "input", isResult: true },
      { words: ["check", "bad.json", "--estimate"], exit: "input", isResult: true },
      usage("check", "spec.json", "--estimate", "--offline"),
      ...specProblems("check").slice(1),
    ],
  },
  estimate: {
    ok: () => ["estimate", "spec.json", "--seeds", "5"],
    missing: ["estimate", "spec.json", "--like", NOBODY],
    bad: [
      { words: ["estimate", "bad.json"], exit: "input", isResult: true },
      ...specProblems("estimate").slice(1),
      usage("estimate", "spec.json", "--seeds", "4"),
      usage("estimate", "spec.json", "--offline"),
      usage("estimate", "spec.json", "--offline", "--clients", "9", "--like", done),
      { words: ["estimate", "spec.json", "--prices", "rain"], exit: "input" },
    ],
  },
  "run create": { ok: () => ["run", "create", "spec.json"], bad: specProblems("run", "create") },
  "run list": {
    ok: () => ["run", "list"],
    bad: [usage("run", "list", "--limit", "0"), usage("run", "list", "--fields", "nothing")],
  },
  "run show": {
    ok: () => ["run", "show", done],
    missing: ["run", "show", NOBODY],
    bad: [usage("run", "show", "Bad")],
  },
  "run watch": {
    ok: () => ["run", "watch", done],
    missing: ["run", "watch", NOBODY],
    bad: [usage("run", "watch", done, "--fail-on", "rain"), usage("run", "watch", done, "--interval", "0s")],
  },
  "run start": { ok: idle("run", "start"), missing: ["run", "start", NOBODY], bad: [usage("run", "start")] },
  "run pause": {
    ok: async ({ newRun, cloud }) => {
      const runId = await newRun();
      await cloud.call("POST", `/v1/runs/${runId}/start`);
      return ["run", "pause", runId];
    },
    missing: ["run", "pause", NOBODY],
    bad: [usage("run", "pause", "a", "b")],
  },
  "run resume": {
    ok: async ({ newRun, cloud }) => {
      const runId = await newRun();
      await cloud.call("POST", `/v1/runs/${runId}/start`);
      await cloud.call("POST", `/v1/runs/${runId}/pause`);
      return ["run", "resume", runId];
    },
    missing: ["run", "resume", NOBODY],
    bad: [usage("run", "resume", "-x")],
  },
  "run cancel": {
    ok: async ({ newRun }) => ["run", "cancel", await newRun(), "--yes"],
    missing: ["run", "cancel", NOBODY, "--yes"],
    bad: [usage("run", "cancel")],
  },
  "run diff": {
    ok: () => ["run", "diff", done, done],
    missing: ["run", "diff", done, NOBODY],
    bad: [usage("run", "diff", "a")],
  },
  "run export": {
    ok: () => ["run", "export", done, "--format", "csv", "--out", "tables", "--force"],
    missing: ["run", "export", NOBODY, "--format", "csv", "--out", "other"],
    bad: [
      usage("run", "export", done, "--format", "xls"),
      usage("run", "export", done),
      { words: ["run", "export", "@last", "--format", "csv"], exit: "input" },
    ],
  },
  "round list": {
    ok: () => ["round", "list", done],
    missing: ["round", "list", NOBODY],
    bad: [usage("round", "list")],
  },
  "round show": {
    ok: () => ["round", "show", done, "1"],
    missing: ["round", "show", done, "9"],
    bad: [usage("round", "show", done, "0"), usage("round", "show", done, "one")],
  },
  "round trigger": {
    ok: idle("round", "trigger"),
    missing: ["round", "trigger", NOBODY],
    bad: [usage("round", "trigger")],
  },
  init: {
    ok: () => ["init", "mine", "--template", "blank", "--force"],
    missing: ["init", ".", "--template", "blank"],
    bad: [
      usage("init", "other", "--no-input"),
      usage("init", "other", "--template", "sounds"),
      { words: ["init", "spec.json", "--template", "blank"], exit: "input" },
    ],
    isOffline: true,
  },
  "client add": {
    ok: () => ["client", "add", "--file", "client.json"],
    bad: [
      usage("client", "add", "--id", "clinic-x"),
      usage("client", "add", "--file", "client.json", "--id", "clinic-x"),
      { words: ["client", "add", "--id", "Bad Id", "--url", "x", "--account", "y"], exit: "input" },
    ],
  },
  "client import": {
    ok: () => ["client", "import", "clients.csv"],
    bad: [
      usage("client", "import", "no-json.json"),
      { words: ["client", "import", "nowhere.csv"], exit: "input" },
    ],
  },
  "client list": {
    ok: () => ["client", "list"],
    bad: [usage("client", "list", "--label", "north"), usage("client", "list", "--limit", "x")],
  },
  "client show": {
    ok: () => ["client", "show", "clinic-a"],
    missing: ["client", "show", NOBODY],
    bad: [usage("client", "show", "Bad Id")],
  },
  "client remove": {
    ok: async ({ cloud }) => {
      await registerClients(cloud, ["removable"]);
      return ["client", "remove", "removable", "--yes"];
    },
    missing: ["client", "remove", NOBODY, "--yes"],
    bad: [usage("client", "remove")],
  },
  "client check": {
    ok: async ({ cloud }) => ["client", "check", await neverChecked(cloud), "--timeout", "1ms"],
    ends: "waited",
    missing: ["client", "check", NOBODY],
    bad: [usage("client", "check"), usage("client", "check", "clinic-a", "--all")],
  },
  "model list": {
    ok: () => ["model", "list", done],
    missing: ["model", "list", NOBODY],
    bad: [usage("model", "list")],
  },
  "model download": {
    ok: () => ["model", "download", `${done}:best`, "--force"],
    missing: ["model", "download", `${done}:9`],
    bad: [usage("model", "download", `${done}:x`), usage("model", "download", `${done}:1:2`)],
  },
  "model export": {
    ok: () => ["model", "export", done, "--format", "npz", "--out", "npz", "--force"],
    missing: ["model", "export", `${done}:9`, "--format", "npz", "--out", "other"],
    bad: [
      usage("model", "export", done, "--format", "npz"),
      usage("model", "export", done, "--out", "x", "--format", "onnx"),
    ],
  },
  "model evaluate": {
    ok: async ({ newRun }) => ["model", "evaluate", `${await newRun()}:0`, "--wait", "--timeout", "1m"],
    missing: ["model", "evaluate", `${done}:9`],
    bad: [
      usage("model", "evaluate", `${done}:x`),
      { words: ["model", "evaluate", done, "--metrics", "f1,f3"], exit: "input" },
      { words: ["model", "evaluate", done, "--test-set", "../x"], exit: "input" },
    ],
  },
  "data inspect": {
    ok: () => ["data", "inspect", "table.csv"],
    missing: ["data", "inspect", "nowhere.csv"],
    bad: [
      usage("data", "inspect"),
      usage("data", "inspect", "table.csv", "--rows", "0"),
      { words: ["data", "inspect", "table.csv", "--label", "size"], exit: "input" },
      { words: ["data", "inspect", "table.csv", "--features", "bad.json"], exit: "input" },
      { words: ["data", "inspect", "table.csv", "--out", "spec.json"], exit: "input" },
      { words: ["data", "inspect", "spec.json"], exit: "input" },
    ],
    isOffline: true,
  },
  "data convert": {
    ok: () => ["data", "convert", "table.csv", "table.jsonl", "--force"],
    missing: ["data", "convert", "nowhere.csv", "other.jsonl"],
    bad: [
      usage("data", "convert", "table.csv"),
      usage("data", "convert", "table.csv", "other.jsonl", "--split", "1"),
      usage("data", "convert", "table.csv", "other.safetensors", "--label", "outcome", "--classes", "a,a"),
      { words: ["data", "convert", "table.csv", "other.safetensors"], exit: "input" },
      { words: ["data", "convert", "table.csv", "other.xls"], exit: "input" },
      { words: ["data", "convert", "table.csv", "spec.json"], exit: "input" },
    ],
    isOffline: true,
  },
  "data split": {
    ok: () => ["data", "split", "table.csv", "--out", "split", "--by", "iid", "--clients", "2", "--force"],
    missing: ["data", "split", "nowhere.csv", "--out", "other", "--by", "iid", "--clients", "2"],
    bad: [
      usage("data", "split", "table.csv", "--out", "other"),
      usage("data", "split", "table.csv", "--out", "other", "--by", "luck"),
      usage("data", "split", "table.csv", "--out", "other", "--by", "iid", "--clients", "0"),
      usage("data", "split", "table.csv", "--out", "other", "--by", "dirichlet", "--alpha", "0"),
      usage("data", "split", "table.csv", "--out", "other", "--by", "size", "--sizes", "1,-1"),
      { words: ["data", "split", "table.csv", "--out", "other", "--by", "iid"], exit: "input" },
      {
        words: ["data", "split", "bad.json", "--out", "other", "--by", "iid", "--clients", "2"],
        exit: "input",
      },
    ],
    isOffline: true,
  },
  "profile add": {
    ok: () => [
      "profile",
      "add",
      "there",
      "--api",
      "https://api.example",
      "--operator",
      "o@x.iam.gserviceaccount.com",
    ],
    bad: [
      usage("profile", "add", "Bad Name", "--api", "https://api.example"),
      usage("profile", "add", "there"),
      usage("profile", "add", "there", "--api", "https://a.example", "--box", "."),
      usage("profile", "add", "there", "--api", "no address"),
      { words: ["profile", "add", "there", "--box", "nowhere"], exit: "input" },
    ],
    isOffline: true,
  },
  "profile use": {
    ok: () => ["profile", "use", "there"],
    missing: ["profile", "use", "nowhere"],
    bad: [usage("profile", "use", "Bad Name")],
    isOffline: true,
  },
  "profile list": { ok: () => ["profile", "list"], bad: [usage("profile", "list", "x")], isOffline: true },
  "profile show": {
    ok: () => ["profile", "show", "there"],
    missing: ["profile", "show", "nowhere"],
    bad: [usage("profile", "show", "Bad Name")],
    isOffline: true,
  },
  "profile remove": {
    ok: async ({ run }) => {
      await run(["profile", "add", "gone", "--api", "https://api.example"]);
      return ["profile", "remove", "gone"];
    },
    missing: ["profile", "remove", "nowhere"],
    bad: [usage("profile", "remove", "Bad Name")],
    isOffline: true,
  },
  demo: { ok: () => ["demo", "--rounds", "1"], bad: [], isOffline: true },
  simulate: { ok: () => ["simulate", "--seeds", "2"], bad: [], isOffline: true },
  box: { ok: () => ["box"], bad: [], isOffline: true },
  whoami: { ok: () => ["whoami"], bad: [usage("whoami", "me")] },
  // What it finds is its result: test/functions/fedstratus/doctor.test.ts.
  doctor: { ok: () => ["doctor"], bad: [usage("doctor", "me")], isOffline: true },
  completion: { ok: () => ["completion", "bash"], bad: [usage("completion", "ksh")], isOffline: true },
  schema: { ok: () => ["schema"], bad: [usage("schema", "nothing")], isOffline: true },
};

let stage: Stage;
beforeAll(async () => {
  stage = await setStage();
  await registerClients(stage.cloud, CLIENTS);
  expect(await trainTwoRounds(stage.cloud, SPEC)).toBe(done);
  const file = (name: string, text: string) => writeFile(join(stage.folder, name), text);
  const client = {
    clientId: "clinic-e",
    url: "http://127.0.0.1:9",
    serviceAccount: "e@silo.iam.gserviceaccount.com",
  };
  await file("spec.json", JSON.stringify(SPEC));
  await file("bad.json", JSON.stringify({ ...SPEC, nmae: "x", selection: { strategy: "luck" } }));
  await file("no-json.json", "{");
  await file("client.json", JSON.stringify(client));
  await file(
    "clients.csv",
    "clientId,url,serviceAccount,label.region\nclinic-f,http://127.0.0.1:9,f@silo.iam.gserviceaccount.com,north\n",
  );
  await file("table.csv", "age,outcome\n61,ill\n35,well\n,well\n");
  await stage.run(["profile", "add", "there", "--api", "https://api.example"]);
}, 240_000);
afterAll(() => stage.stop());

const KINDS = [
  ["at a terminal", { isTerminal: true, flags: [] }],
  ["in a pipe", { isTerminal: false, flags: [] }],
  ["as JSON", { isTerminal: false, flags: ["--json"] }],
] as const;

/** Escape sequences, which belong to terminals. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for
const ESCAPES = /\u001B/;

test("every command is in the table, and nothing else", () => {
  expect(Object.keys(ROWS).toSorted()).toEqual(COMMANDS.map(({ name }) => name).toSorted());
});

describe.each(COMMANDS.map((command) => [command.name, command] as const))("%s", (name, command) => {
  const row = ROWS[name];
  if (row === undefined) return;
  describe.each(KINDS)("%s", (_kind, { isTerminal, flags }) => {
    const isJson = flags.length > 0;
    const run = (words: Words, env: Readonly<Record<string, string>> = {}) =>
      stage.run([...words, ...flags], { isTerminal, env });

    /** A failure says what it is on stderr, and leaves stdout alone. */
    const expectFailure = ({ code, stdout, stderr }: Ran, exit: ExitName) => {
      expect({ code, stdout }, stderr).toEqual({ code: EXIT[exit], stdout: "" });
      expect(exitsOf(command)).toContain(exit);
      if (isJson) {
        expect(stderr.trim().split("\n")).toHaveLength(1);
        const { error } = JSON.parse(stderr);
        expect(error).toMatchObject({ code: expect.any(String), message: expect.any(String) });
      } else {
        expect(stderr).toMatch(/^error: \S/m);
        expect(stderr).not.toMatch(/\n {4}at /);
      }
    };

    test("done", async () => {
      const { code, stdout, stderr } = await run(await row.ok(stage));
      expect(code, stderr).toBe(EXIT[row.ends ?? "ok"]);
      if (isJson) {
        if (row.ends === undefined) expect(stderr).toBe("");
        else expect(JSON.parse(stderr).error).toMatchObject({ code: "not-yet" });
        const documents = command.isStreaming
          ? stdout.trim().split("\n")
          : [stdout].filter((text) => text !== "");
        for (const document of documents) expect(() => JSON.parse(document)).not.toThrow();
      } else expect(row.ends === undefined ? stdout : stderr).not.toBe("");
      if (!isTerminal) expect(stdout).not.toMatch(ESCAPES);
    });

    const { missing } = row;
    if (missing !== undefined) {
      test("not found", async () => {
        expectFailure(await run(missing), "refused");
      });
    }

    test.each(row.bad)("wrong: $words", async ({ words, exit, isResult }) => {
      const ran = await run(words);
      if (isResult !== true) return expectFailure(ran, exit);
      expect(ran).toMatchObject({ code: EXIT[exit], stderr: "" });
      expect(exitsOf(command)).toContain(exit);
      if (isJson) expect(JSON.parse(ran.stdout).problems).toHaveLength(2);
      else expect(ran.stdout.match(/^problem: /gm)).toHaveLength(2);
    });

    if (row.isOffline === true) return;

    test("not allowed", async () => {
      const token = await stage.cloud.token("stranger", stage.cloud.urls.api);
      expectFailure(await run(await row.ok(stage), { FEDSTRATUS_TOKEN: token }), "identity");
      expectFailure(await run(await row.ok(stage), { FEDSTRATUS_TOKEN: "no token" }), "identity");
    });

    test("while the api is not there", async () => {
      const own = await row.ok(stage);
      // Whatever time it has: a test does not wait for an api that is not there.
      const words = own.filter((word, index) => word !== "--timeout" && own[index - 1] !== "--timeout");
      words.push("--timeout", "100ms");
      stage.setDown(true);
      try {
        expectFailure(await run(words), "unreachable");
      } finally {
        stage.setDown(false);
      }
      expectFailure(await run(words, { FEDSTRATUS_API: "http://127.0.0.1:9" }), "unreachable");
    });
  });
});
