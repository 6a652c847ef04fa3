// The watchdog's last look at the runs: that it still looks, and what it had to ask for again.
import * as z from "zod";
import { Instant } from "./ids.ts";

/** `deployment/watchdog`. */
export const WatchdogLook = z
  .strictObject({
    lookedAt: Instant,
    missing: z.int().min(0).describe("Tasks that had vanished, and that it asked for again."),
    failures: z.int().min(0).describe("Runs that it could not look after."),
  })
  .meta({ id: "WatchdogLook" });
export type WatchdogLook = z.infer<typeof WatchdogLook>;
