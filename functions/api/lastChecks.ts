// What is known of a client's last checks.
import { refs } from "../../shared/core/ports/store.ts";
import { shownCheck } from "../../shared/core/round/check.ts";
import type { Check } from "../../shared/core/schemas/check.ts";
import type { ApiDeps } from "./deps.ts";

/** The client's last checks, newest first, as they are to be seen now. */
export async function lastChecks(
  clientId: string,
  { store, nowMs }: Pick<ApiDeps, "store" | "nowMs">,
): Promise<readonly Check[]> {
  const known = await store.get(refs.checks(clientId));
  return (known?.checks ?? []).map((check) => shownCheck(check, nowMs()));
}
