// A client's shared downloads in tests: nothing is kept from one to the next.
import type { ClientDeps } from "../../functions/client/deps.ts";

export function wholeReads(download: ClientDeps["download"]): ClientDeps["downloadShared"] {
  return async (link, what, maxBytes) => {
    const content = await download(link, what, maxBytes);
    return { content, receivedBytes: content.byteLength };
  };
}
