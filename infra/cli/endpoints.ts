// What a person needs to use a local cloud that stays up: addresses, an environment to export, a first call.
import type { Box } from "../box/box.ts";
import { shellWord } from "./shellWord.ts";

/** @param more variables beside those of the cloud itself, such as a client function's address. */
export function describeEndpoints(
  box: Box,
  token: string,
  more: Readonly<Record<string, string>> = {},
): string {
  const services = box.services.map(({ name, address }) => `  ${name.padEnd(10)} ${address}`);
  const exports = Object.entries({ ...box.env, ...more }).map(
    ([name, value]) => `export ${name}=${shellWord(value)}`,
  );
  return [
    "The local cloud is up:",
    ...services,
    `  Firestore is ${box.firestore.reason}.`,
    "",
    "To use it from another shell:",
    ...exports,
    `export TOKEN=${token}`,
    "",
    "A first call (the token is good for an hour; the metadata server mints the next):",
    '  curl -H "Authorization: Bearer $TOKEN" $API_URL/v1/runs',
    '  curl -H "Metadata-Flavor: Google" "http://$GCE_METADATA_HOST/computeMetadata/v1/instance/service-accounts/default/identity?format=full&audience=$API_URL"',
    "",
    "Ctrl-C ends it.",
  ].join("\n");
}
