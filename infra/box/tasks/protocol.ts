// The Cloud Tasks v2 protocol, from the client library's own files, so that both sides speak the same
// version.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { ServiceDefinition } from "@grpc/grpc-js";
import { fromJSON } from "@grpc/proto-loader";
import { FlError } from "../../../shared/core/errors.ts";

const serviceName = "google.cloud.tasks.v2.CloudTasks";

export function serviceDefinition(): ServiceDefinition {
  const protos = createRequire(import.meta.url).resolve("@google-cloud/tasks/build/protos");
  // The JSON form lies beside the module but is not among the package's exports.
  const json = JSON.parse(readFileSync(join(dirname(protos), "protos.json"), "utf8"));
  const definitions = fromJSON(json, {
    longs: String,
    enums: String,
    bytes: Buffer,
    defaults: true,
    oneofs: true,
  });
  const definition = definitions[serviceName];
  if (definition === undefined || "format" in definition) {
    throw new FlError(
      "internal",
      `@google-cloud/tasks describes no service ${serviceName}: pin the version in use.`,
    );
  }
  return definition as ServiceDefinition;
}
