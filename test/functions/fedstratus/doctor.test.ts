// `fedstratus doctor` on the local cloud, and where something is missing.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Stage, setStage } from "./stage.ts";

interface Row {
  readonly check: string;
  readonly verdict: string;
  readonly detail: string;
}

let stage: Stage;
beforeAll(async () => {
  stage = await setStage();
}, 60_000);
afterAll(() => stage.stop());

const examine = async (env: Readonly<Record<string, string>> = {}) => {
  const { code, stdout, stderr } = await stage.run(["doctor", "--json"], { env });
  expect(stderr).toBe("");
  const rows: readonly Row[] = JSON.parse(stdout).items;
  return { code, rows, verdicts: Object.fromEntries(rows.map(({ check, verdict }) => [check, verdict])) };
};

test("all is well: who is signed in for which deployment, and that it is let in", async () => {
  const { code, rows, verdicts } = await examine();
  expect(code).toBe(0);
  expect(Object.values(verdicts).filter((verdict) => verdict === "fail" || verdict === "skipped")).toEqual(
    [],
  );
  expect(rows.find(({ check }) => check === "identity")?.detail).toMatch(
    /^operator@.* by FEDSTRATUS_TOKEN, until /,
  );
  expect(verdicts).toMatchObject({
    release: "pass",
    watchdog: "warning",
    queue: "pass",
    quota: "pass",
    backend: "pass",
  });
  await stage.cloud.callAs("task-invoker", stage.cloud.urls.coordinator, "/watchdog", {});
  const looked = await examine();
  expect(looked.rows.find(({ check }) => check === "watchdog")).toMatchObject({
    verdict: "pass",
    detail: expect.stringContaining("nothing was missing"),
  });
});

test("without a deployment, what needs one is skipped", async () => {
  const { code, verdicts } = await examine({ FEDSTRATUS_API: "" });
  expect(code).toBe(1);
  expect(verdicts).toMatchObject({
    node: "pass",
    deployment: "fail",
    identity: "skipped",
    api: "skipped",
    access: "skipped",
  });
});

test("a token for another audience is told apart from an account that is not let in", async () => {
  const other = await stage.cloud.token("operator", "https://other.example");
  const audience = await examine({ FEDSTRATUS_TOKEN: other });
  expect(audience.verdicts).toMatchObject({
    identity: "fail",
    api: "pass",
    clock: "pass",
    access: "skipped",
  });
  expect(audience.rows.find(({ check }) => check === "identity")?.detail).toContain("another audience");
  const stranger = await stage.cloud.token("stranger", stage.cloud.urls.api);
  expect((await examine({ FEDSTRATUS_TOKEN: stranger })).verdicts).toMatchObject({
    identity: "pass",
    access: "fail",
  });
});

test("what answers and is no api, and what does not answer", async () => {
  const elsewhere = await examine({ FEDSTRATUS_API: stage.cloud.urls.coordinator });
  // It lets nobody in without a token, and the token is for another address.
  expect(elsewhere).toMatchObject({
    code: 1,
    verdicts: { api: "pass", identity: "fail", access: "skipped" },
  });
  const nowhere = await examine({ FEDSTRATUS_API: "http://127.0.0.1:9" });
  expect(nowhere).toMatchObject({ code: 1, verdicts: { api: "fail", clock: "skipped" } });
});
