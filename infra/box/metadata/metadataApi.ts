// The instance metadata server as one service account sees it: what a function asks to learn who it is and to
// get tokens.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Identities } from "./identities.ts";

export interface Instance {
  readonly projectId: string;
  /** The service account that the process behind this metadata server runs as. */
  readonly email: string;
}

const FLAVOR = "Google";
const ROOT = "/computeMetadata/v1";
const ACCOUNTS = "/instance/service-accounts";

/** Handles one request to the metadata server of `instance`. */
export async function handleMetadata(
  request: IncomingMessage,
  response: ServerResponse,
  instance: Instance,
  identities: Identities,
): Promise<void> {
  response.setHeader("metadata-flavor", FLAVOR);
  const url = new URL(request.url ?? "/", "http://metadata");
  // The header proves that the caller is a program which means to ask, not a page or a URL somebody was
  // tricked into fetching.
  if (request.headers["metadata-flavor"] !== FLAVOR)
    return text(response, 403, "Missing Metadata-Flavor:Google header.\n");
  if (request.method !== "GET") return text(response, 405, "Only GET is allowed.\n");
  if (!url.pathname.startsWith(ROOT)) return text(response, 404, "Not found.\n");
  const path = url.pathname.slice(ROOT.length).replace(/\/$/, "");

  if (path === "/instance") return text(response, 200, "service-accounts/\n");
  if (path === "/project/project-id") return text(response, 200, instance.projectId);
  if (path === "/universe/universe-domain" || path === "/universe/universe_domain")
    return text(response, 200, "googleapis.com");
  if (path === ACCOUNTS) return accountList(response, instance, url.searchParams);

  const account = path.startsWith(`${ACCOUNTS}/`) ? path.slice(ACCOUNTS.length + 1).split("/") : [];
  const [name, property] = account;
  if (account.length !== 2 || (name !== "default" && name !== instance.email))
    return text(response, 404, "Not found.\n");
  switch (property) {
    case "email":
      return text(response, 200, instance.email);
    case "token": {
      const { token, expiresInSeconds } = identities.accessToken(instance.email);
      return json(response, {
        access_token: token,
        expires_in: expiresInSeconds,
        token_type: "Bearer",
      });
    }
    case "identity": {
      const audience = url.searchParams.get("audience");
      if (audience === null || audience === "")
        return text(response, 400, "non-empty audience parameter required\n");
      const withEmail = url.searchParams.get("format") === "full";
      return text(
        response,
        200,
        await identities.mintIdToken({
          email: instance.email,
          audience,
          withEmail,
        }),
      );
    }
    default:
      return text(response, 404, "Not found.\n");
  }
}

function accountList(response: ServerResponse, { email }: Instance, query: URLSearchParams): void {
  const account = {
    aliases: ["default"],
    email,
    scopes: ["https://www.googleapis.com/auth/cloud-platform"],
  };
  if (query.get("recursive") === "true") json(response, { default: account, [email]: account });
  else text(response, 200, `default/\n${email}/\n`);
}

function text(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { "content-type": "application/text" }).end(body);
}

function json(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
}
