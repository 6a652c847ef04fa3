// The environment of functions: what is missing is listed by name, what is wrong without its value.
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { AggregatorEnv } from "../../../functions/aggregator/env.ts";
import { ApiEnv } from "../../../functions/api/env.ts";
import { ClientEnv } from "../../../functions/client/env.ts";
import { CoordinatorEnv } from "../../../functions/coordinator/env.ts";
import { EvaluatorEnv } from "../../../functions/evaluator/env.ts";
import { readEnv, variables } from "../../../shared/cloud/env.ts";
import { refusal } from "../../support/refusal.ts";

const one = (name: keyof typeof variables, value: string | undefined) =>
  readEnv(z.object({ value: variables[name] }), { value }).value;

describe("readEnv", () => {
  const Env = z.object({
    MODEL_BUCKET: variables.MODEL_BUCKET,
    API_URL: variables.API_URL,
    OPERATORS: variables.OPERATORS,
    VCPU: variables.VCPU,
  });

  it("picks its variables, with defaults, frozen", () => {
    const given = {
      MODEL_BUCKET: "models",
      API_URL: "https://api.example.org",
      OPERATORS: "Ada@example.org, bob@example.org",
      VCPU: "0.5",
      PATH: "/bin",
    };
    const env = readEnv(Env, given);
    expect(env).toEqual({
      MODEL_BUCKET: "models",
      API_URL: "https://api.example.org",
      OPERATORS: ["ada@example.org", "bob@example.org"],
      VCPU: 0.5,
    });
    expect(Object.isFrozen(env)).toBe(true);
  });

  it("lists everything that is missing or malformed, and no value: it may be a secret", () => {
    const error = refusal(() => readEnv(Env, { API_URL: "s3cret", OPERATORS: "s3cret", VCPU: "s3cret" }));
    expect(error).toMatchObject({ code: "failed-precondition", retry: "never" });
    expect(error.problems.map(({ path }) => path.split(".")[0])).toEqual([
      "MODEL_BUCKET",
      "API_URL",
      "OPERATORS",
      "VCPU",
    ]);
    for (const { path } of error.problems) expect(error.message).toContain(path);
    expect(JSON.stringify([error.message, error.problems])).not.toContain("s3cret");
  });

  it("reads the process's own by default", () => {
    const Path = z.object({ PATH: z.string().min(1) });
    expect(readEnv(Path).PATH).toBe(process.env["PATH"]);
  });
});

describe("the environment of each function", () => {
  const environments = { AggregatorEnv, ApiEnv, ClientEnv, CoordinatorEnv, EvaluatorEnv };
  /**
   * What has one value for a whole deployment, or a default in the function; everything else has to be set.
   */
  const OPTIONAL = [
    "AGGREGATOR_MEMORY_MIB",
    "CALLERS_CHECKED_BY_REGION",
    "CLOUD_TASKS_EMULATOR_HOST",
    "CLIENT_FEATURES",
    "EVALUATION_FEATURES",
    "EVALUATOR_MEMORY_MIB",
    "LINK_ORIGIN",
    "MAX_BATCH_SIZE",
    "MAX_EPOCHS",
    "MAX_LABEL_COUNTS",
    "MAX_TOPOLOGY_BYTES",
    "MAX_TRAIN_SECONDS",
    "OIDC_CERTS_URL",
    "REQUIRE_NATIVE_TENSORS",
    "SIGN_BLOB_ENDPOINT",
    "STORAGE_API_ENDPOINT",
    "TENSORS",
    "TRAINER",
  ];
  it.each(Object.entries(environments))("%s: every variable that is missing is named", (name, schema) => {
    const error = refusal(() => readEnv<unknown>(schema, {}));
    const optional = name === "ClientEnv" ? [...OPTIONAL, "GOOGLE_CLOUD_PROJECT", "VCPU"] : OPTIONAL;
    const required = Object.keys(schema.shape).filter((variable) => !optional.includes(variable));
    expect(error.problems.map(({ path }) => path).toSorted()).toEqual(required.toSorted());
  });

  it("holds no address and no queue that the function does not call", () => {
    const names = (schema: { readonly shape: object }) => Object.keys(schema.shape);
    for (const schema of [ApiEnv, AggregatorEnv, EvaluatorEnv, ClientEnv])
      expect(names(schema).filter((name) => /^CLIENT_(QUEUE|TASK)/.test(name))).toEqual([]);
    for (const schema of [ApiEnv, EvaluatorEnv, ClientEnv])
      expect(names(schema)).not.toContain("AGGREGATOR_URL");
    expect(names(ClientEnv)).not.toContain("MODEL_BUCKET");
  });
});

describe("variables", () => {
  it.each([
    ["GOOGLE_CLOUD_PROJECT", ["demo"], ["", undefined]],
    ["FIRESTORE_DATABASE", ["runs", "(default)"], ["", undefined]],
    ["CLIENT_TASK_INVOKER", ["q@p.iam.gserviceaccount.com"], ["q", "", undefined]],
    ["MEMORY_MIB", ["128", "2048"], ["127", undefined]],
    ["VCPU", ["0.08", "2"], ["0", undefined]],
    [
      "COORDINATOR_URL",
      ["https://c.run.app", "http://127.0.0.1:8080"],
      ["c.run.app", "ftp://c", "", undefined],
    ],
    [
      "CLIENT_DATA",
      ["gs://b/{clientId}.safetensors", "file:///data/x"],
      ["b/x", "https://b", "gs://", undefined],
    ],
    ["EVALUATION_DATA", ["gs://b/test.safetensors"], ["/data", undefined]],
    ["TASK_INVOKER", ["q@p.iam.gserviceaccount.com"], ["q", "", undefined]],
    ["OPERATORS", ["a@x.org", "a@x.org,b@x.org"], ["", ",", "a@x.org,", "a@x.org b@x.org", undefined]],
    ["TENSORS", ["auto", "native", "portable"], ["gpu", ""]],
    ["TRAINER", ["tensorflow", "test"], ["none"]],
    ["STORAGE_API_ENDPOINT", ["http://127.0.0.1:1", undefined], ["127.0.0.1:1", ""]],
    ["CLOUD_TASKS_EMULATOR_HOST", ["127.0.0.1:1", undefined], [""]],
  ] as const)("%s", (name, good, bad) => {
    for (const value of good) expect(() => one(name, value), `${value}`).not.toThrow();
    for (const value of bad) expect(() => one(name, value), `${value}`).toThrow();
  });

  it.each([
    ["MEMORY_MIB", "1024", 1_024],
    ["VCPU", "0.5", 0.5],
    ["TENSORS", undefined, "auto"],
    ["TRAINER", undefined, "tensorflow"],
  ] as const)("%s=%s is %s", (name, text, value) => {
    expect(one(name, text)).toBe(value);
  });

  it.each([
    ["MEMORY_MIB", ["127", "512.5", "many", ""]],
    ["VCPU", ["0", "-1", "x"]],
  ] as const)("%s has bounds", (name, bad) => {
    for (const value of bad) expect(() => one(name, value), value).toThrow("value");
  });

  it("each says what it is for", () => {
    for (const [name, schema] of Object.entries(variables))
      expect(schema.description, name).toBeTypeOf("string");
  });
});
