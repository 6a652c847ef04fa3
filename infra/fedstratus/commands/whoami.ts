// `fedstratus whoami`: whose token is used for which deployment, and whether its api takes it.
import { command } from "../frame/command.ts";
import { OF_CALLS } from "../frame/exitCodes.ts";
import { factLines } from "../output/factLines.ts";

export const whoami = command({
  name: "whoami",
  summary: "Say which deployment is used, as whom, and whether its api takes the token.",
  examples: ["whoami", "whoami --profile production --json"],
  args: {},
  options: {},
  isMutating: false,
  isIdempotent: true,
  isStreaming: false,
  exits: OF_CALLS,
  run: async ({ api, connection, identity, out }) => {
    const { claimsOf } = await import("../identity/claims.ts");
    const { apiUrl, profile, from } = await connection();
    const { source, token } = await identity();
    const { email, aud, exp } = claimsOf(await token(apiUrl));
    const z = await import("zod");
    await (await api()).call({ method: "GET", path: "/v1/runs", query: { limit: 1 } }, z.unknown());
    const told = {
      email: email ?? null,
      apiUrl,
      profile,
      from,
      tokenSource: source,
      audience: aud ?? null,
      expiresAt: exp === undefined ? null : new Date(exp * 1_000).toISOString(),
    };
    await out.document(told, () =>
      factLines([
        ["e-mail", told.email],
        ["api", apiUrl],
        ["profile", profile],
        ["chosen by", from],
        ["token from", source],
        ["audience", told.audience],
        ["valid until", told.expiresAt],
      ]),
    );
    return undefined;
  },
});
