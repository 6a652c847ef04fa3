// What an identity token says of itself, for people: nothing here is verified, which is the api's to do.

export interface Claims {
  readonly email?: string;
  readonly aud?: string;
  /** Seconds since 1970. */
  readonly exp?: number;
}

/** Empty where the text is no token. */
export function claimsOf(token: string): Claims {
  try {
    const json = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
    const { email, aud, exp } = Object(json);
    return {
      ...(typeof email === "string" ? { email } : {}),
      ...(typeof aud === "string" ? { aud } : {}),
      ...(typeof exp === "number" ? { exp } : {}),
    };
  } catch {
    return {};
  }
}

/** Three parts of a JWT; whether it is a good one is the api's to say. */
export function isToken(text: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(text);
}
