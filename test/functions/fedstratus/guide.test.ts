// The commands of docs/cli.md, one after the other, as a reader would type them.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readGuide } from "../../support/guides.ts";
import { registerClients } from "../../support/scriptedClient.ts";
import { contributeTwoRounds } from "../../support/twoRounds.ts";
import { CLIENTS, SPEC, type Stage, setStage } from "./stage.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await setStage();
  await registerClients(stage.cloud, CLIENTS);
}, 60_000);
afterAll(() => stage.stop());

test("each command does what the guide says, and ends well", async () => {
  const [guide = ""] = readGuide("docs/cli.md").split("## Commands");
  const lines = [...guide.matchAll(/^fedstratus (.+)$/gm)].map(([, line = ""]) => line);
  expect(lines.length).toBeGreaterThan(20);
  await writeFile(join(stage.folder, "spec.json"), JSON.stringify(SPEC));
  const row = "clinic-21,http://127.0.0.1:9,clinic-21@silo.iam.gserviceaccount.com,north";
  await writeFile(join(stage.folder, "clients.csv"), `clientId,url,serviceAccount,label.region\n${row}\n`);
  let isPlayed = false;
  for (const line of lines) {
    if (line.startsWith("run watch") && !isPlayed) {
      isPlayed = true;
      await playLastRun();
    }
    const words = line.split(" ").map((word) => word.replace('"$API_URL"', stage.cloud.urls.api));
    const { code, stdout, stderr } = await stage.run(words, { env: { FEDSTRATUS_API: "" } });
    expect(code, `${line}: ${stderr}`).toBe(0);
    expect(stdout, line).not.toBe("");
  }
}, 60_000);

/** Its clients train, as they do wherever they are. */
async function playLastRun(): Promise<void> {
  const { stdout } = await stage.run(["run", "show", "@last", "--fields", "runId"]);
  await contributeTwoRounds(stage.cloud, stdout.trim());
}
