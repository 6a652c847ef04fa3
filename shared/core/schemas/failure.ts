// What a client says of a failure: a code, a reason and our own words, and where its owner's log has the
// rest.
import * as z from "zod";

/** A reason's name; clients in other languages have reasons of their own. */
export const ReasonName = z
  .string()
  .regex(/^[a-z][a-z-]{0,39}$/, "use 1 to 40 lower-case letters and hyphens, such as bad-data");

/** Where the owner's log has the rest, which is not told: whom to ask, and for what. */
export const LogPlace = z
  .strictObject({
    project: z.string().max(100).optional(),
    service: z.string().max(100).optional(),
    revision: z.string().max(200).optional(),
    trace: z
      .string()
      .regex(/^[0-9a-f]{32}$/, "use 32 lower-case hexadecimal digits")
      .optional()
      .describe("Groups the lines of the call that failed."),
  })
  .meta({ id: "LogPlace", description: "Where the client's owner finds what its own log says." });
export type LogPlace = z.infer<typeof LogPlace>;

export const InvocationFailure = z.strictObject({
  code: z.string().min(1).max(100),
  reason: ReasonName.optional().describe(
    "Why, in one word; a client that failed for a reason that lasts is left out of some rounds. See docs/operate.md.",
  ),
  message: z
    .string()
    .max(2_000)
    .describe("For people of other organisations: no values, names or paths of data."),
  log: LogPlace.optional(),
});
export type InvocationFailure = z.infer<typeof InvocationFailure>;
