// The local metadata server, one small listener for each service account, and Google's token endpoints beside
// it.
//
// What it does not do:
// - It distinguishes processes by the port they were given. A process that knows another's port can take its
//   identity; on Google's machines the network makes that impossible.
// - Any e-mail address is a service account; none needs creating, none can be disabled.
// - signBlob is the only IAM method, and only for one's own account: roles and impersonation do not exist.
// - Scopes are ignored, keys never rotate, and instance attributes (zone, region, hostname) are absent.
import { createServer, type RequestListener, type Server } from "node:http";
import type { Service } from "../service.ts";
import type { State } from "../state/state.ts";
import { CERTS_PATH, handleGoogleApi, SIGN_BLOB_PATH } from "./googleApi.ts";
import { createIdentities, type Identities, type IdTokenRequest } from "./identities.ts";
import { close, listen } from "./listen.ts";
import { handleMetadata } from "./metadataApi.ts";

export interface MetadataOptions {
  readonly projectId: string;
  /** Where the token endpoints listen; default 0, a free port. */
  readonly port?: number;
  /** The clock of the tokens, in ms; default the real one. */
  readonly nowMs?: () => number;
  /** Keeps keys and access tokens; default none. */
  readonly state?: State;
  /** Where the metadata server of a service account listens; default 0, a free port. */
  readonly portOf?: (email: string) => Promise<number>;
}

export interface MetadataService extends Service {
  readonly name: "metadata";
  /** Mints and checks tokens, for the other parts of the local cloud. */
  readonly identities: Identities;
  /** Where ID tokens' public keys are. Also in `env`, as OIDC_CERTS_URL. */
  readonly certsUrl: string;
  /** What signs for a service account. Also in `env`, as SIGN_BLOB_ENDPOINT. */
  readonly signBlobEndpoint: string;
  /** Mints an ID token: for the task queue, and for operators. */
  mintIdToken(request: IdTokenRequest): Promise<string>;
  /** The metadata server of one service account, as `host:port`; it starts with the first call. */
  identityHost(email: string): Promise<string>;
  /** What makes a process that service account: the environment variables to give it. */
  identityEnv(email: string): Promise<Readonly<Record<string, string>>>;
}

/** Starts the token endpoints; the metadata servers follow on demand. */
export async function startMetadata(options: MetadataOptions): Promise<MetadataService> {
  const { projectId, port, portOf = async () => 0 } = options;
  const identities = await createIdentities(options.nowMs, options.state);
  const central = createServer(
    answering((request, response) => handleGoogleApi(request, response, identities)),
  );
  const address = await listen(central, port);
  const hosts = new Map<string, { server: Server; address: Promise<string> }>();
  let stopped: Promise<void> | undefined;

  async function identityHost(email: string): Promise<string> {
    if (stopped !== undefined) throw new Error("The metadata server has been stopped.");
    let host = hosts.get(email);
    if (host === undefined) {
      const instance = { projectId, email };
      const server = createServer(
        answering((request, response) => handleMetadata(request, response, instance, identities)),
      );
      host = { server, address: portOf(email).then((hostPort) => listen(server, hostPort)) };
      hosts.set(email, host);
    }
    return await host.address;
  }

  const certsUrl = `http://${address}${CERTS_PATH}`;
  const signBlobEndpoint = `http://${address}${SIGN_BLOB_PATH}`;
  return {
    name: "metadata",
    address,
    env: {
      GOOGLE_CLOUD_PROJECT: projectId,
      OIDC_CERTS_URL: certsUrl,
      SIGN_BLOB_ENDPOINT: signBlobEndpoint,
    },
    identities,
    certsUrl,
    signBlobEndpoint,
    mintIdToken: identities.mintIdToken,
    identityHost,
    async identityEnv(email) {
      return {
        GCE_METADATA_HOST: await identityHost(email),
        // Google's libraries would otherwise look for signs of Google's hardware first.
        METADATA_SERVER_DETECTION: "assume-present",
      };
    },
    async stop() {
      stopped ??= stopAll();
      await stopped;
    },
  };

  async function stopAll(): Promise<void> {
    await Promise.allSettled([...hosts.values()].map((host) => host.address));
    await Promise.all([central, ...[...hosts.values()].map((host) => host.server)].map(close));
  }
}

/** A listener that answers 500 to what its handler did not foresee, naming it. */
function answering(handle: (...request: Parameters<RequestListener>) => Promise<void>): RequestListener {
  return (request, response) => {
    handle(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else response.writeHead(500, { "content-type": "text/plain" }).end(String(error));
    });
  };
}
