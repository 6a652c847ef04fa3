// A client: a data owner's training function, where to call it, its account, and what its owner states about
// its data.
import * as z from "zod";
import { ClientCannot } from "./cannot.ts";
import { ClientId, Instant, ServiceAccountEmail } from "./ids.ts";
import { ClientCode } from "./ownCode.ts";

/** What one instance of the client's function has; the cost of an invocation is computed from it. */
export const Capacity = z.strictObject({
  memoryMib: z.number().int().min(128).max(32_768).default(2_048),
  vcpu: z.number().min(0.08).max(8).default(1),
  timeoutSeconds: z
    .number()
    .int()
    .min(1)
    .max(1_800)
    .default(540)
    .describe("The function's own time-out; a task waits no longer than 1,800 s for its answer."),
});
export type Capacity = z.infer<typeof Capacity>;

/** What the owner chooses to say of the data. Nothing here is needed to train. */
export const DataCard = z.strictObject({
  description: z.string().max(2_000).optional(),
  samples: z.number().int().min(0).optional(),
  classes: z.number().int().min(1).optional(),
});

/** Firestore keeps names that begin and end with two underscores for itself. */
export const LabelName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/,
    "use 1 to 63 letters, digits, dots, slashes, hyphens and underscores, the first a letter or digit",
  );
export const LabelValue = z.string().max(63);
export const MAX_LABELS = 64;

/** The same address in the same words: what a token is made out to is compared letter by letter. */
export function plainAddress(address: string): string {
  return (URL.parse(address)?.href ?? address).replace(/\/+$/, "");
}

/** A name or number that can be looked up: no placeholder, no empty label. */
const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?)$/;

function addressProblems(address: string): readonly string[] {
  const url = URL.parse(address);
  if (url === null) return [];
  return [
    ...(url.username === "" && url.password === ""
      ? []
      : ["leave user name and password out: a task proves itself by an identity token"]),
    ...(/[?#]/.test(address)
      ? ["leave query and fragment out: a task goes to the function's own address"]
      : []),
    ...(HOST.test(url.hostname) && url.port !== "0" ? [] : ["use a host and port that can be called"]),
  ];
}

const ClientAddress = z
  .url({ protocol: /^https?$/, error: "use the http(s) address of the client function", abort: true })
  .max(2_000)
  .check(({ value, issues }) => {
    for (const message of addressProblems(value)) issues.push({ code: "custom", message, input: value });
  })
  .overwrite(plainAddress)
  .describe("Kept without a slash at its end. Tasks are sent to it, and their tokens made out to it.");

/** What a client is, in the words of its operators: names and values. */
export const Labels = z
  .record(LabelName, LabelValue)
  .refine((labels) => Object.keys(labels).length <= MAX_LABELS, `at most ${MAX_LABELS} labels`);

export const ClientRegistration = z
  .strictObject({
    clientId: ClientId,
    url: ClientAddress,
    serviceAccount: ServiceAccountEmail.describe("Whose token may claim and report for this client."),
    capacity: Capacity.prefault({}),
    dataCard: DataCard.prefault({}),
    labels: Labels.default({}),
    code: ClientCode.optional().describe(
      "The owner's own code in the client's function, where that is known: it is not invited to runs that require other code.",
    ),
  })
  .meta({ id: "ClientRegistration" });
export type ClientRegistration = z.infer<typeof ClientRegistration>;

/** `clients/{clientId}`. A deleted client is retired, not erased: rosters learn of it by its `updatedAt`. */
export const Client = ClientRegistration.extend({
  url: z.string(),
  retired: z.boolean(),
  registeredAt: Instant,
  updatedAt: Instant.describe("Also when a check has ended, after which it is invited again."),
  cannot: ClientCannot.optional().describe(
    "Why its last check says that it cannot train; absent where it can, and without a check.",
  ),
}).meta({ id: "Client" });
export type Client = z.infer<typeof Client>;
