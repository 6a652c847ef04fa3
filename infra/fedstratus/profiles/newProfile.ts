// A profile from what is given of a deployment: addresses, Terraform's outputs, or a local cloud's folder.
import { execFile } from "node:child_process";
import { isAbsolute, join } from "node:path";
import { promisify } from "node:util";
import { FlError } from "../../../shared/core/errors.ts";
import { BOX_FILE } from "../../cli/boxFile.ts";
import { readText } from "../../cli/files.ts";
import { UsageError } from "../frame/failures.ts";
import type { Io } from "../frame/io.ts";
import { apiAddress, type Profile } from "./profiles.ts";

export interface GivenDeployment {
  readonly api: string | undefined;
  readonly operator: string | undefined;
  readonly project: string | undefined;
  /** A Terraform configuration that was applied. */
  readonly terraform: string | undefined;
  /** The data folder of a local cloud. */
  readonly box: string | undefined;
}

/** @throws UsageError unless exactly one of the three is given; FlError where its files do not say it */
export async function newProfile(
  { api, operator, project, terraform, box }: GivenDeployment,
  { cwd, env }: Pick<Io, "cwd" | "env">,
): Promise<Profile> {
  const given = [api, terraform, box].filter((one) => one !== undefined);
  if (given.length !== 1) {
    throw new UsageError("Give exactly one of --api URL, --terraform DIR and --box DIR.");
  }
  const more = textsOf({ operator, project });
  if (api !== undefined) return { apiUrl: apiAddress(api, "--api"), ...more };
  const folder = (dir: string) => (isAbsolute(dir) ? dir : join(cwd, dir));
  if (terraform !== undefined) return { ...(await ofTerraform(folder(terraform), env)), ...more };
  return { ...(await ofBox(folder(box ?? ""))), ...more };
}

async function ofTerraform(dir: string, env: Io["env"]): Promise<Profile> {
  const outputs = Object(jsonOf(await terraformOutputs(dir, env)));
  const outputOf = (name: string) => {
    const { value } = Object(outputs[name]);
    return typeof value === "string" ? value : undefined;
  };
  const apiUrl = outputOf("api_url");
  if (apiUrl === undefined) {
    throw new FlError(
      "failed-precondition",
      `${dir} has no output api_url: apply the configuration first, and pass on the outputs of its fedstratus module.`,
    );
  }
  return {
    apiUrl: apiAddress(apiUrl, "the output api_url"),
    ...textsOf({ operator: outputOf("operator"), project: outputOf("project_id") }),
  };
}

async function terraformOutputs(dir: string, env: Io["env"]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)("terraform", [`-chdir=${dir}`, "output", "-json"], {
      env: { ...env },
      encoding: "utf8",
      timeout: 60_000,
    });
    return stdout;
  } catch (cause) {
    const { code, stderr } = Object(cause);
    const why =
      code === "ENOENT"
        ? "terraform is not installed"
        : String(stderr ?? Object(cause).message)
            .trim()
            .slice(0, 500);
    throw new FlError("failed-precondition", `The outputs of ${dir} cannot be read: ${why}.`, { cause });
  }
}

async function ofBox(dir: string): Promise<Profile> {
  const file = join(dir, BOX_FILE);
  const { apiUrl, metadataHost, operator, project } = Object(jsonOf(await readText(file)));
  if (typeof apiUrl !== "string" || typeof metadataHost !== "string") {
    throw new FlError(
      "invalid-argument",
      `${file} does not hold a local cloud's addresses: start it once with npm run box -- --data ${dir}.`,
    );
  }
  return { apiUrl: apiAddress(apiUrl, file), metadataHost, ...textsOf({ operator, project }) };
}

function textsOf(given: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(given).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
