// A client: a data owner's training function, where to call it, who it is, and what its owner tells of its data.
import { z } from "zod";
import { ClientId, Instant, ServiceAccountEmail } from "./ids.ts";

/** What one instance of the client's function has; the cost of an invocation is computed from it. */
export const Capacity = z.strictObject({
  memoryMib: z.number().int().min(128).max(32_768).default(2_048),
  vcpu: z.number().min(0.08).max(8).default(1),
  timeoutSeconds: z.number().int().min(1).max(3_600).default(540).describe("The function's own time-out."),
});
export type Capacity = z.infer<typeof Capacity>;

/** What the owner chooses to say of the data. Nothing here is needed to train. */
const DataCard = z.strictObject({
  description: z.string().max(2_000).optional(),
  samples: z.number().int().min(0).optional(),
  classes: z.number().int().min(1).optional(),
});

export const ClientRegistration = z
  .strictObject({
    clientId: ClientId,
    url: z.url({ protocol: /^https?$/, error: "use the http(s) address of the client function" }).max(2_000),
    serviceAccount: ServiceAccountEmail.describe("Whose token may claim and report for this client."),
    capacity: Capacity.prefault({}),
    dataCard: DataCard.prefault({}),
    labels: z.record(z.string().min(1).max(63), z.string().max(63)).default({}),
  })
  .meta({ id: "ClientRegistration" });
export type ClientRegistration = z.infer<typeof ClientRegistration>;

/** `clients/{clientId}`. A deleted client is retired, not erased: rosters learn of it by its `updatedAt`. */
export const Client = ClientRegistration.extend({
  retired: z.boolean(),
  registeredAt: Instant,
  updatedAt: Instant,
}).meta({ id: "Client" });
export type Client = z.infer<typeof Client>;
