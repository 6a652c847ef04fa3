// The front of a function that is not public checks its callers as the region does, and hands tokens on in
// both ways.
import { request as httpRequest } from "node:http";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createIdentities, type Identities } from "../../infra/box/metadata/identities.ts";
import { type Sample, startSample } from "../support/functions/startSample.ts";

const ADA = "ada@example.org";
const WORDS = "SIGNATURE_REMOVED_BY_GOOGLE";

describe.each([false, true])("signatures removed: %s", (removesSignatures) => {
  let sample: Sample;
  let identities: Identities;
  let foreign: Identities;

  beforeAll(async () => {
    [identities, foreign] = await Promise.all([createIdentities(), createIdentities()]);
    sample = await startSample({
      minInstances: 1,
      callers: { invokers: [ADA], keySet: identities.keySet, removesSignatures },
    });
  });
  afterAll(() => sample.runtime.stop());

  const token = (email = ADA, audience = sample.url, by = identities, expiresInSeconds = 60) =>
    by.mintIdToken({ email, audience, expiresInSeconds });
  const handedOn = (jwt: string) => `Bearer ${removesSignatures ? jwt.replace(/[^.]*$/, WORDS) : jwt}`;

  /** Through node:http, which sends a header as often as it is given. */
  async function ask(headers: Record<string, string | string[]>) {
    const answer = await new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
      httpRequest(`${sample.url}/echo`, { method: "POST", headers }, async (response) =>
        resolve({ status: response.statusCode, body: await text(response) }),
      )
        .on("error", reject)
        .end();
    });
    const seen: Record<string, string> = answer.status === 201 ? JSON.parse(answer.body).headers : {};
    return { status: answer.status, ...seen };
  }

  test.each(["authorization", "x-serverless-authorization"])("a good token in %s goes on", async (name) => {
    const good = await token();
    expect(await ask({ [name]: `Bearer ${good}` })).toMatchObject({ status: 201, [name]: handedOn(good) });
  });

  test("beside X-Serverless-Authorization, Authorization is ignored", async () => {
    const good = await token();
    const forged = `Bearer ${(await token("root@example.org")).replace(/[^.]*$/, WORDS)}`;
    expect(
      await ask({ "x-serverless-authorization": `Bearer ${good}`, authorization: forged }),
    ).toMatchObject({ status: 201, "x-serverless-authorization": handedOn(good), authorization: forged });
    for (const bad of ["", "Bearer garbage", forged]) {
      const both = { "x-serverless-authorization": bad, authorization: `Bearer ${good}` };
      expect(await ask(both)).toMatchObject({ status: 401 });
    }
  });

  test("what does not verify is 401", async () => {
    const good = await token();
    const bad = [
      `Bearer ${good.slice(0, -8)}`,
      `Bearer ${good.replace(/[^.]*$/, WORDS)}`,
      `Bearer ${await token(ADA, sample.url, foreign)}`,
      `Bearer ${await token(ADA, "https://other.example")}`,
      `Bearer ${await token(ADA, `${sample.url}/echo`)}`,
      `Bearer ${await token(ADA, sample.url, identities, -60)}`,
      "Basic YTpi",
      "",
    ];
    for (const authorization of bad) expect(await ask({ authorization })).toMatchObject({ status: 401 });
    expect(await ask({ authorization: [`Bearer ${good}`, `Bearer ${good}`] })).toMatchObject({ status: 401 });
  });

  test("who is unknown, or may not call, is 403", async () => {
    expect(await ask({})).toMatchObject({ status: 403 });
    const authorization = `Bearer ${await token("mallory@example.org")}`;
    expect(await ask({ authorization })).toMatchObject({ status: 403 });
    const outcomes = sample.requests().map(({ outcome }) => outcome);
    expect(outcomes.slice(-2)).toEqual(["forbidden", "forbidden"]);
  });
});
