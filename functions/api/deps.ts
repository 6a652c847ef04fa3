// Everything impure that the api uses, in one record.
import { randomBytes, randomUUID } from "node:crypto";
import { connectPlatform, type Platform } from "../../shared/cloud/connect.ts";
import type { ApiEnv } from "./env.ts";

export interface ApiDeps extends Platform {
  /** Eight hexadecimal digits that cannot be guessed. */
  readonly newSuffix: () => string;
  /** A document's name that no other has. */
  readonly newActionId: () => string;
}

export function connect(env: ApiEnv): ApiDeps {
  return {
    ...connectPlatform(env, "api"),
    newSuffix: () => randomBytes(4).toString("hex"),
    newActionId: randomUUID,
  };
}
