// Where data leave their region: told from the addresses of the clients' functions and of the api.
export interface Leaving {
  /** Clients in the deployment's region, or on its machine: nothing is charged. */
  readonly near: number;
  /** Clients in another region. */
  readonly far: number;
  /** Clients whose address says nothing. */
  readonly unknown: number;
}

export function leavingOf(apiUrl: string | null, clientUrls: readonly string[]): Leaving {
  const home = apiUrl === null ? null : placeOf(apiUrl);
  const counts = { near: 0, far: 0, unknown: 0 };
  for (const url of clientUrls) {
    const place = placeOf(url);
    if (home === null || place === null) counts.unknown += 1;
    else if (place === home) counts.near += 1;
    else counts.far += 1;
  }
  return counts;
}

/** The region in an address of Cloud Run or Cloud Functions, or "this machine"; null where it has none. */
export function placeOf(address: string): string | null {
  const host = URL.parse(address)?.hostname;
  if (host === undefined) return null;
  if (host === "localhost" || host === "[::1]" || host.startsWith("127.")) return "this machine";
  const [, ofRun, ofFunctions] =
    /\.([a-z]+-[a-z]+\d+)\.run\.app$|^([a-z]+-[a-z]+\d+)-.+\.cloudfunctions\.net$/.exec(host) ?? [];
  return ofRun ?? ofFunctions ?? null;
}
