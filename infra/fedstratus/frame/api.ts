// The api as commands use it: documents as it answers them, pages joined, and names completed.
import * as z from "zod";
import { FlError } from "../../../shared/core/errors.ts";
import { readTolerantly } from "../../../shared/core/schemas/readTolerantly.ts";
import { type ApiClient, typedApi } from "../../cli/apiClient.ts";
import type { ApiCall, Transport } from "../../cli/apiTransport.ts";
import { readLastRun } from "./lastRun.ts";

/** A document as the api answered it, and what this release reads of it. */
export interface Read<T> {
  readonly json: unknown;
  readonly value: T;
}

export interface Page<T> {
  readonly json: { readonly items: readonly unknown[]; readonly nextCursor: string | null };
  readonly items: readonly Read<T>[];
}

export interface Api {
  readonly url: string;
  readonly typed: ApiClient;
  call<T>(call: ApiCall, schema: z.ZodType<T>): Promise<Read<T>>;
  /** A part of an answer. @param what answered, for the message where it cannot be read */
  read<T>(json: unknown, schema: z.ZodType<T>, what: string): Read<T>;
  /** The first `limit` items; with `all`, every one. */
  list<T>(
    path: string,
    schema: z.ZodType<T>,
    wanted: { readonly limit: number; readonly all?: boolean; readonly query?: ApiCall["query"] },
  ): Promise<Page<T>>;
  /**
   * The whole id of a run that is named by its id, by the beginning of it, or as @last.
   *
   * @throws FlError("not-found") where no run or more than one has it
   */
  runId(named: string): Promise<string>;
  /** The same of a client. */
  clientId(named: string): Promise<string>;
}

const PAGE = 1_000;
const Id = z.looseObject({ runId: z.string().optional(), clientId: z.string().optional() });

export function apiOf(transport: Transport, cwd: string): Api {
  const { url } = transport;
  const read = <T>(json: unknown, schema: z.ZodType<T>, what: string): Read<T> => {
    const known = readTolerantly(schema, json);
    if (known.success) return { json, value: known.data };
    throw new FlError("failed-precondition", `${what} answered what this release cannot read.`, {
      cause: known.error,
    });
  };
  const call: Api["call"] = async (one, schema) =>
    read(await transport.call(one), schema, `${one.method} ${one.path}`);
  const list: Api["list"] = async (path, schema, { limit, all = false, query }) => {
    const items: unknown[] = [];
    let cursor: string | null = null;
    do {
      const missing = all ? PAGE : Math.min(PAGE, limit - items.length);
      const answer: { readonly items?: unknown; readonly nextCursor?: unknown } = Object(
        await transport.call({
          method: "GET",
          path,
          query: { ...query, limit: missing, cursor: cursor ?? undefined },
        }),
      );
      items.push(...(Array.isArray(answer.items) ? answer.items : []));
      cursor = typeof answer.nextCursor === "string" ? answer.nextCursor : null;
    } while (cursor !== null && (all || items.length < limit));
    return {
      json: { items, nextCursor: cursor },
      items: items.map((item) => read(item, schema, `GET ${path}`)),
    };
  };
  /** Most names are whole, so that one read finds them. */
  const complete = async (kind: "run" | "client", path: string, named: string): Promise<string> => {
    try {
      await transport.call({ method: "GET", path: `${path}/${named}` });
      return named;
    } catch (error) {
      if (!(error instanceof FlError) || error.code !== "not-found") throw error;
      const { items } = await list(path, Id, { limit: PAGE });
      const ids = items.flatMap(({ value }) => value[`${kind}Id`] ?? []);
      const fitting = ids.filter((id) => id.startsWith(named));
      if (fitting.length === 1 && fitting[0] !== undefined) return fitting[0];
      if (fitting.length === 0) throw error;
      const shown = fitting.slice(0, 5).join(", ");
      const more = fitting.length > 5 ? `, and ${fitting.length - 5} more` : "";
      throw new FlError("not-found", `${fitting.length} ${kind}s begin with ${named}: ${shown}${more}.`);
    }
  };
  return {
    url,
    typed: typedApi(transport),
    call,
    read,
    list,
    runId: async (named) => (named === "@last" ? readLastRun(cwd, url) : complete("run", "/v1/runs", named)),
    clientId: (named) => complete("client", "/v1/clients", named),
  };
}
