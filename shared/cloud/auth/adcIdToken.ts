// Identity tokens by application default credentials: a person's, by acting as the deployment's operator, or
// those of a service account.
import { FlError } from "../../core/errors.ts";

export interface AdcOptions {
  /** Where the credentials lie. */
  readonly keyFile: string;
  /** The address that is called. */
  readonly audience: string;
  /** The service account to act as. */
  readonly operator: string | undefined;
}

/**
 * A person's own token is made out to the program that they signed in with, which the api rightly refuses:
 * people act as the operator's account.
 *
 * @throws FlError("unauthenticated") saying what Google answered, and what to do
 */
export async function adcToken({ keyFile, audience, operator }: AdcOptions): Promise<string> {
  const { GoogleAuth, IdTokenClient, Impersonated, UserRefreshClient } = await import("google-auth-library");
  try {
    const auth = new GoogleAuth({ keyFile, scopes: "https://www.googleapis.com/auth/cloud-platform" });
    const client = await auth.getClient();
    if (operator !== undefined) {
      const acting = new Impersonated({
        sourceClient: client,
        targetPrincipal: operator,
        targetScopes: [],
        delegates: [],
      });
      return await acting.fetchIdToken(audience, { includeEmail: true });
    }
    if (client instanceof UserRefreshClient) {
      throw new FlError(
        "unauthenticated",
        "Your own token is meant for another audience: name the account to act as, by fedstratus profile add NAME --api URL --operator EMAIL, or by FEDSTRATUS_OPERATOR.",
      );
    }
    const idClient = await auth.getIdTokenClient(audience);
    if (!(idClient instanceof IdTokenClient)) throw new Error("these credentials make no identity tokens");
    return await idClient.idTokenProvider.fetchIdToken(audience);
  } catch (cause) {
    if (cause instanceof FlError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FlError(
      "unauthenticated",
      `Google gave no identity token for ${operator ?? "these credentials"}: ${why}. Sign in again with gcloud auth application-default login, and have the role Service Account OpenID Connect Identity Token Creator on the operator's account.`,
      { cause },
    );
  }
}
