// The Firestore v1 protocol, from the client library's own files, so that the two cannot differ.
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fromJSON, type ServiceDefinition } from "@grpc/proto-loader";
import { FlError } from "../../../shared/core/errors.ts";

const serviceName = "google.firestore.v1.Firestore";

export function serviceDefinition(): ServiceDefinition {
  const require = createRequire(import.meta.url);
  const protos = join(
    dirname(require.resolve("@google-cloud/firestore/package.json")),
    "build/protos/v1.json",
  );
  const definitions = fromJSON(require(protos), {
    longs: String,
    enums: String,
    bytes: Buffer,
    defaults: false,
    arrays: true,
    objects: true,
    oneofs: true,
  });
  const service = definitions[serviceName];
  if (service === undefined || "format" in service) {
    throw new FlError("internal", `${protos} does not define the service ${serviceName}.`);
  }
  return Object.fromEntries(Object.entries(service).map(([name, method]) => [name, measured(method)]));
}

type Method = ServiceDefinition[string];

/**
 * A request carries its size, because gRPC itself would answer a large one with a status that the client
 * library retries.
 */
function measured(method: Method): Method {
  return {
    ...method,
    requestDeserialize: (bytes) => ({ ...method.requestDeserialize(bytes), sizeBytes: bytes.length }),
  };
}
