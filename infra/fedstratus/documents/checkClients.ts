// Asks clients to check themselves, some at a time, and waits for what they find.
import * as z from "zod";
import type { Check } from "../../../shared/core/schemas/check.ts";
import { Client } from "../../../shared/core/schemas/client.ts";
import type { Read } from "../frame/api.ts";
import type { Context } from "../frame/context.ts";
import { waitFor } from "../watch/waitFor.ts";

export interface CheckOptions {
  readonly run: string | undefined;
  readonly data: string | undefined;
  readonly parallel: number;
}

/** @param named no names: all clients. The checks are in the order of the names. */
export async function checkClients(
  named: readonly string[],
  { run, data, parallel }: CheckOptions,
  context: Context,
  schema: z.ZodType<Check>,
): Promise<readonly Read<Check>[]> {
  const api = await context.api();
  const wish = {
    ...(run === undefined ? {} : { runId: await api.runId(run) }),
    ...(data === undefined ? {} : { data }),
  };
  const clientIds =
    named.length > 0
      ? await Promise.all(named.map((name) => api.clientId(name)))
      : (await api.list("/v1/clients", Client, { limit: 1, all: true })).items
          .filter(({ value }) => !value.retired)
          .map(({ value }) => value.clientId);
  const Checks = z.looseObject({ items: z.array(z.unknown()) });
  const One = z.looseObject({ number: z.number() });
  const results: Read<Check>[] = [];
  const queue = clientIds.entries();
  const work = async () => {
    for (const [i, clientId] of queue) results[i] = await checkOne(clientId);
  };
  await Promise.all(Array.from({ length: parallel }, work));
  return results;

  async function checkOne(clientId: string): Promise<Read<Check>> {
    const path = `/v1/clients/${clientId}/check`;
    const asked = await api.call({ method: "POST", path, body: wish, key: crypto.randomUUID() }, schema);
    const { number } = asked.value;
    const latest = async () => {
      const { value } = await api.call({ method: "GET", path: `${path}s` }, Checks);
      const json = value.items.find((item) => One.safeParse(item).data?.number === number);
      return json === undefined ? asked : { json, value: schema.parse(json) };
    };
    return waitFor(`the check of ${clientId}`, context, latest, ({ value }) => isOver(value));
  }
}

function isOver({ status }: Check): boolean {
  return status === "passed" || status === "failed" || status === "unanswered";
}
