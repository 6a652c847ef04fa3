// Starting and stopping the official emulator: what it needs is found, and nothing outlives the process that
// started it.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { findOfficial } from "../../infra/box/firestore/findOfficial.ts";
import { startFirestore } from "../../infra/box/firestore/index.ts";
import { startOfficial } from "../../infra/box/firestore/official.ts";
import { connectFirestore } from "../support/firestoreClient.ts";
import { officialMissing } from "../support/firestoreServers.ts";

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "firestore-"));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

async function script(path: string, text: string): Promise<string> {
  await writeFile(path, `#!/bin/sh\n${text}\n`);
  await chmod(path, 0o755);
  return path;
}

/** A Java that answers when asked for its version, and otherwise does what the test chooses. */
const fakeJava = (otherwise: string) =>
  script(
    join(folder, "java"),
    `[ "$1" = -version ] && { echo 'openjdk version "21.0.1"' >&2; exit; }\n${otherwise}`,
  );

async function fakeSdk(): Promise<string> {
  const root = join(folder, "sdk");
  const platform = join(root, "platform", "cloud-firestore-emulator");
  await mkdir(platform, { recursive: true });
  await writeFile(join(platform, "cloud-firestore-emulator.jar"), "");
  return root;
}

describe.skipIf(process.platform === "win32")("finding it", () => {
  it("misses Java first", async () => {
    expect(await findOfficial({})).toEqual({ missing: "no Java found" });
    expect(await findOfficial({ PATH: folder, JAVA_HOME: folder })).toEqual({ missing: "no Java found" });
  });

  it("misses a Java that does not run", async () => {
    const java = await script(join(folder, "java"), "exit 1");
    expect(await findOfficial({ PATH: folder })).toEqual({ missing: `the Java at ${java} does not run` });
  });

  it("takes the given root of the SDK, and the Java of JAVA_HOME", async () => {
    const javaPath = await fakeJava("exit 1");
    const sdkRoot = await fakeSdk();
    await mkdir(join(folder, "bin"));
    await symlink(javaPath, join(folder, "bin", "java"));
    const found = await findOfficial({ JAVA_HOME: folder, PATH: "/nowhere", CLOUDSDK_ROOT_DIR: sdkRoot });
    expect(found).toMatchObject({
      found: { javaPath: join(folder, "bin", "java"), javaVersion: "21.0.1", sdkRoot },
    });
  });

  it("follows gcloud on the PATH to its root", async () => {
    await fakeJava("exit 1");
    const sdkRoot = await fakeSdk();
    await mkdir(join(sdkRoot, "bin"));
    await script(join(sdkRoot, "bin", "gcloud"), "exit 1");
    await symlink(join(sdkRoot, "bin", "gcloud"), join(folder, "gcloud"));
    expect(await findOfficial({ PATH: folder })).toMatchObject({ found: { sdkRoot } });
  });
});

describe.skipIf(process.platform === "win32")("a start that fails", () => {
  it("gives the last words of what was started, and leaves nothing behind", async () => {
    const javaPath = await fakeJava("echo no such class >&2; exit 3");
    const sdkRoot = await fakeSdk();
    const jarPath = join(sdkRoot, "platform", "cloud-firestore-emulator", "cloud-firestore-emulator.jar");
    const start = startOfficial({ javaPath, javaVersion: "21.0.1", sdkRoot, jarPath });
    await expect(start).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(/emulator ended.*no such class/),
    });
    expect(processesNaming(folder)).toEqual([]);
  });

  it("makes the automatic choice fall to the embedded server, and the official one fail", async () => {
    await fakeJava("exit 3");
    const env = { PATH: folder, CLOUDSDK_ROOT_DIR: await fakeSdk() };
    const service = await startFirestore({ implementation: "auto", env });
    expect(service.implementation).toBe("embedded");
    expect(service.reason).toContain("did not start with Java 21.0.1");
    await service.stop();
    const official = startFirestore({ implementation: "official", env });
    await expect(official).rejects.toMatchObject({ code: "unavailable" });
  });
});

const title = officialMissing === undefined ? "running it" : `running it (skipped: ${officialMissing})`;
describe.skipIf(officialMissing !== undefined)(title, () => {
  it("keeps an archive of classes for the next start, and leaves neither process nor port behind", async () => {
    const cacheDir = join(folder, "cache");
    for (const archives of [1, 1]) {
      const service = await startFirestore({ implementation: "official", cacheDir });
      expect(service.reason).toMatch(/^the official emulator \(Cloud SDK at .+, Java .+\)$/);
      const db = connectFirestore(service.address);
      await db.doc("c/d").create({ n: 1 });
      await db.terminate();
      expect(processesNaming(service.address.replace("127.0.0.1:", "--port="))).not.toEqual([]);
      await Promise.all([service.stop(), service.stop()]);
      expect(processesNaming(service.address.replace("127.0.0.1:", "--port="))).toEqual([]);
      const again = createServer().listen(Number(service.address.split(":")[1]), "127.0.0.1");
      await once(again, "listening");
      again.close();
      expect(await readdir(cacheDir)).toHaveLength(archives);
    }
  }, 120_000);

  it("takes another port where another process took the first", async () => {
    const search = await findOfficial(process.env);
    if ("missing" in search) throw new Error(search.missing);
    const { found } = search;
    const asked = join(folder, "asked");
    const javaPath = await script(
      join(folder, "java"),
      `for flag; do case "$flag" in --port=*) echo "$flag" >> ${asked};; esac; done
       if [ "$(wc -l < ${asked})" = 1 ]; then echo "java.net.BindException: Address already in use"; exit 0; fi
       exec ${found.javaPath} "$@"`,
    );
    const service = await startOfficial({ ...found, javaPath });
    const ports = (await readFile(asked, "utf8")).trim().split("\n");
    expect(ports).toHaveLength(2);
    expect(service.address).toBe(ports[1]?.replace("--port=", "127.0.0.1:"));
    await service.stop();
  }, 60_000);

  it("fails where no port stays free, and at once where the port was given", async () => {
    const asked = join(folder, "asked");
    const javaPath = await fakeJava(
      `echo x >> ${asked}; echo "java.net.BindException: Address already in use"`,
    );
    const emulator = { javaPath, javaVersion: "21.0.1", sdkRoot: folder, jarPath: "none.jar" };
    await expect(startOfficial(emulator)).rejects.toMatchObject({ code: "unavailable" });
    expect(await readFile(asked, "utf8")).toBe("x\nx\nx\n");
    const free = createServer().listen(0, "127.0.0.1");
    await once(free, "listening");
    const port = Number(Object(free.address()).port);
    free.close();
    await expect(startOfficial(emulator, { port })).rejects.toMatchObject({ code: "unavailable" });
    expect(await readFile(asked, "utf8")).toBe("x\nx\nx\nx\n");
  });

  it("ends with the process that started it, even when that is killed", async () => {
    const index = new URL("../../infra/box/firestore/index.ts", import.meta.url).href;
    const code = `
      const { startFirestore } = await import(${JSON.stringify(index)});
      const service = await startFirestore({ implementation: "official" });
      process.stdout.write(service.address);`;
    const owner = spawn(process.execPath, ["--input-type=module", "-e", code]);
    const [address] = await once(owner.stdout, "data");
    const port = String(address).replace("127.0.0.1:", "--port=");
    expect(processesNaming(port)).not.toEqual([]);
    owner.kill("SIGKILL");
    await once(owner, "exit");
    await vi.waitFor(() => expect(processesNaming(port)).toEqual([]), { timeout: 5_000 });
  });
});

/** The command lines of the running processes with this text in them. */
function processesNaming(text: string): string[] {
  const lines = execFileSync("ps", ["-e", "-o", "args"], { encoding: "utf8" }).split("\n");
  return lines.filter((line) => line.includes(text));
}
