// Clients as their operators send them: a registration, and a change field by field.
import * as z from "zod";
import { GivenLabels, givenText, LabelChanges } from "./annotation.ts";
import { Capacity, ClientRegistration, DataCard } from "./client.ts";
import { ClientCode } from "./ownCode.ts";

/** A registration as it is taken: what is shown to people has no character that does something. */
export const GivenRegistration = ClientRegistration.extend({
  labels: GivenLabels,
  dataCard: DataCard.extend({ description: givenText(2_000).optional() }).prefault({}),
}).meta({ id: "ClientRegistration" });

const { memoryMib, vcpu, timeoutSeconds } = Capacity.shape;
const { samples, classes } = DataCard.shape;

/** What is absent stays; null takes a field away that a client may be without. */
export const ClientChange = z
  .strictObject({
    url: ClientRegistration.shape.url.optional(),
    serviceAccount: ClientRegistration.shape.serviceAccount.optional(),
    capacity: z
      .strictObject({
        memoryMib: memoryMib.unwrap().optional(),
        vcpu: vcpu.unwrap().optional(),
        timeoutSeconds: timeoutSeconds.unwrap().optional(),
      })
      .optional(),
    dataCard: z
      .strictObject({
        description: givenText(2_000).nullable().optional(),
        samples: samples.unwrap().nullable().optional(),
        classes: classes.unwrap().nullable().optional(),
      })
      .optional(),
    labels: LabelChanges.optional(),
    code: ClientCode.nullable().optional(),
  })
  .meta({ id: "ClientChange" });
export type ClientChange = z.infer<typeof ClientChange>;
