// The data folder of the local cloud: what it keeps over a crash, which processes it lets in, and what it
// refuses.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { keptPorts } from "../../infra/box/state/keptPorts.ts";
import { openState } from "../../infra/box/state/openState.ts";
import { noState } from "../../infra/box/state/state.ts";

let dir: string;
beforeEach(async () => {
  dir = join(await mkdtemp(join(tmpdir(), "box-state-")), "data");
});
afterEach(() => rm(join(dir, ".."), { recursive: true }));

const module = fileURLToPath(new URL("../../infra/box/state/openState.ts", import.meta.url));
/** A process that opens the folder, does something with `state`, says so and then waits to be killed. */
async function opener(script: string) {
  const code = `const { openState } = await import(${JSON.stringify(module)});
    const state = openState(${JSON.stringify(dir)});
    ${script}
    process.stdout.write("done");
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  await once(child.stdout, "data");
  return async () => {
    child.kill("SIGKILL");
    await once(child, "exit");
  };
}

describe("what is kept", () => {
  it("values of every kind come back equal, in the order of their keys", () => {
    const values = {
      b: {
        at: new Date(5),
        bytes: Buffer.from([0, 255]),
        nan: Number.NaN,
        zero: -0,
        big: 2n ** 70n,
        none: undefined,
      },
      a: [1, "ü", null, new Map([["x", 1]])],
    };
    const before = openState(dir);
    for (const [key, value] of Object.entries(values)) before.table("things").put(key, value);
    before.table("others").put("b", 1);
    before.table("things").put("gone", 1);
    before.table("things").delete("gone");
    before.close();
    before.close();
    const after = openState(dir);
    const entries = [...after.table("things").entries()];
    expect(entries).toEqual([
      ["a", values.a],
      ["b", values.b],
    ]);
    expect([...after.table("things").entries("b")].map(([key]) => key)).toEqual(["b"]);
    expect([...after.table("things").entries("%")]).toEqual([]);
    after.close();
  });

  it("changes made together are undone together when one fails", () => {
    const state = openState(dir);
    const table = state.table<number>("things");
    const failing = () =>
      state.atomically(() => {
        table.put("a", 1);
        state.atomically(() => table.put("b", 2));
        throw new Error("no");
      });
    expect(failing).toThrow("no");
    state.atomically(() => table.put("c", 3));
    expect([...table.entries()]).toEqual([["c", 3]]);
    state.close();
  });

  it("what a killed process wrote is there; what it was writing is not", async () => {
    const kill = await opener(`
      state.table("things").put("whole", 1);
      const never = state.table("things");
      try { state.atomically(() => { never.put("torn", 2); process.stdout.write("done"); process.kill(process.pid, "SIGKILL"); }); } catch {}`);
    await kill().catch(() => undefined);
    const state = openState(dir);
    expect([...state.table("things").entries()]).toEqual([["whole", 1]]);
    state.close();
  });

  it("a log that lost its end loses whole changes from the end, and nothing else", async () => {
    const kill = await opener(
      `for (let i = 0; i < 50; i++) state.table("things").put(String(i).padStart(3, "0"), i);`,
    );
    await kill();
    const size = statSync(join(dir, "state.sqlite-wal")).size;
    for (const cut of [1, 4_000, 9_000]) {
      const copy = `${dir}-${cut}`;
      cpSync(dir, copy, { recursive: true });
      truncateSync(join(copy, "state.sqlite-wal"), size - cut);
      const state = openState(copy);
      const kept = [...state.table<number>("things").entries()].map(([, value]) => value);
      expect(kept).toEqual([...kept.keys()]);
      expect(kept.length).toBeGreaterThan(40);
      expect(kept.length).toBeLessThan(50);
      state.close();
    }
  });

  it("can be read by its owner only", async () => {
    const state = openState(dir);
    state.table("keys").put("a", "secret");
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    for (const name of await readdir(dir)) expect(statSync(join(dir, name)).mode & 0o077).toBe(0);
    state.close();
  });
});

describe("which processes it lets in", () => {
  const refused = { code: "failed-precondition" };
  const inUse = { ...refused, message: expect.stringContaining("in use by another local cloud") };
  const opening = async (folder = dir) => openState(folder).close();

  it("one at a time in a process, and it is free again after", async () => {
    const first = openState(dir);
    await expect(opening()).rejects.toMatchObject(inUse);
    first.table("things").put("a", 1);
    first.close();
    await opening();
  });

  it("one process at a time, until that is killed", async () => {
    const kill = await opener("");
    await expect(opening()).rejects.toMatchObject(inUse);
    await kill();
    await opening();
  });

  it("not into a folder of other things", async () => {
    mkdirSync(dir);
    writeFileSync(join(dir, "letter.txt"), "");
    await expect(opening()).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining("not empty"),
    });
    expect(await readdir(dir)).toEqual(["letter.txt"]);
  });

  it.each([
    ["another program", "CREATE TABLE t (x)", "of another program"],
    ["another version", "PRAGMA user_version = 999", "another version of the local cloud (format 999"],
  ])("not into that of %s, which is left as it was", async (what, sql, message) => {
    if (what === "another version") await opening();
    else mkdirSync(dir);
    const file = join(dir, "state.sqlite");
    const database = new DatabaseSync(file);
    database.exec(sql);
    database.close();
    await expect(opening()).rejects.toMatchObject({ ...refused, message: expect.stringContaining(message) });
  });

  it("not into a damaged one", async () => {
    mkdirSync(dir);
    writeFileSync(join(dir, "state.sqlite"), Buffer.alloc(8_192, "x"));
    await expect(opening()).rejects.toMatchObject({ code: "data-loss" });
    expect(readFileSync(join(dir, "state.sqlite"))).toEqual(Buffer.alloc(8_192, "x"));
  });
});

describe("ports", () => {
  it("are any free ones without a folder, and the same ones with it", async () => {
    expect(await keptPorts(noState)("api")).toBe(0);
    const first = openState(dir);
    const portOf = keptPorts(first);
    const ports = [await portOf("api"), await portOf("coordinator"), await portOf("api")];
    expect(ports[0]).toBe(ports[2]);
    expect(new Set(ports).size).toBe(2);
    for (const port of ports) expect(port >= 20_000 && port <= 32_000).toBe(true);
    first.close();
    const second = openState(dir);
    expect(await keptPorts(second)("coordinator")).toBe(ports[1]);
    second.close();
  });

  it("that are in use are reported with their number", async () => {
    const state = openState(dir);
    const port = await keptPorts(state)("api");
    const other = createServer().listen(port, "127.0.0.1");
    await once(other, "listening");
    await expect(keptPorts(state)("api")).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining(`Port ${port}`),
    });
    other.close();
    state.close();
  });
});
