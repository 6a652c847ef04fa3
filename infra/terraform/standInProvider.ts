// Stand-ins for Terraform's providers: they serve the real schemas and call no cloud, so that Terraform
// itself validates, plans, applies and tests the configuration without a network. What the real ones check
// inside (enum values, name patterns, which fields go together) they do not: see planRules.ts.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { FlError } from "../../shared/core/errors.ts";
import {
  type DynamicValue,
  decodeValue,
  encodeValue,
  madeUp,
  mapAttributes,
  UNKNOWN,
} from "./dynamicValue.ts";
import type { Block, ProviderSchema } from "./schema.ts";

export interface StandInProviders {
  /** What makes Terraform use them. */
  readonly env: Readonly<Record<string, string>>;
  stop(): void;
}

interface ResourceRequest {
  readonly type_name: string;
  readonly prior_state: DynamicValue | null;
  readonly proposed_new_state: DynamicValue | null;
  readonly planned_state: DynamicValue | null;
  readonly current_state: DynamicValue | null;
  readonly raw_state: DynamicValue | null;
}

/** The schemas of the resource types that terraform/ uses, by provider. */
export function readSchemas(): Readonly<Record<"google" | "time", ProviderSchema>> {
  const read = (name: string) =>
    JSON.parse(readFileSync(join(import.meta.dirname, `${name}Schema.json`), "utf8"));
  return { google: read("google"), time: read("time") };
}

/** Listen on the loopback interface until they are stopped. */
export async function startStandInProviders(
  schemas: Readonly<Record<string, ProviderSchema>>,
): Promise<StandInProviders> {
  const started = await Promise.all(
    Object.entries(schemas).map(async ([name, schema]) => ({ name, ...(await serve(schema)) })),
  );
  const reattach = started.map(({ name, port }) => [
    `registry.terraform.io/hashicorp/${name}`,
    {
      Protocol: "grpc",
      ProtocolVersion: 6,
      Pid: process.pid,
      Test: true,
      Addr: { Network: "tcp", String: `127.0.0.1:${port}` },
    },
  ]);
  return {
    env: { TF_REATTACH_PROVIDERS: JSON.stringify(Object.fromEntries(reattach)) },
    stop: () => {
      for (const { server } of started) server.forceShutdown();
    },
  };
}

async function serve(
  schema: ProviderSchema,
): Promise<{ readonly port: number; readonly server: grpc.Server }> {
  const server = new grpc.Server();
  server.addService(pluginService(), handlers(answers(schema)));
  server.addService(rawService("grpc.health.v1.Health", "Check"), {
    Check: (_call: unknown, done: grpc.sendUnaryData<Buffer>) => done(null, Buffer.from([8, 1])), // SERVING
  });
  server.addService(rawService("plugin.GRPCController", "Shutdown"), {
    Shutdown: (_call: unknown, done: grpc.sendUnaryData<Buffer>) => done(null, Buffer.alloc(0)),
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { port, server };
}

type Answers = Readonly<Record<string, (request: ResourceRequest) => object>>;

function answers({ provider, resources }: ProviderSchema): Answers {
  const blockOf = (type: string): Block => {
    const block = resources[type];
    if (block === undefined) throw new FlError("not-found", `The stand-in provider has no ${type}.`);
    return block;
  };
  return {
    GetProviderSchema: () => ({
      provider: schemaMessage(provider),
      resource_schemas: Object.fromEntries(
        Object.entries(resources).map(([type, block]) => [type, schemaMessage(block)]),
      ),
    }),
    GetResourceIdentitySchemas: () => ({}),
    ValidateProviderConfig: () => ({}),
    ValidateResourceConfig: () => ({}),
    ConfigureProvider: () => ({}),
    GetFunctions: () => ({}),
    StopProvider: () => ({}),
    UpgradeResourceState: ({ raw_state }) => ({ upgraded_state: { json: raw_state?.json } }),
    ReadResource: ({ current_state }) => ({ new_state: current_state }),
    PlanResourceChange: ({ type_name, prior_state, proposed_new_state }) => {
      const proposed = decodeValue(proposed_new_state);
      if (proposed === null) return { planned_state: proposed_new_state };
      const isNew = decodeValue(prior_state) === null;
      const planned = mapAttributes(blockOf(type_name), proposed, ({ computed }, value) =>
        computed && value === null && isNew ? UNKNOWN : value,
      );
      return { planned_state: encodeValue(planned) };
    },
    ApplyResourceChange: ({ type_name, planned_state }) => {
      const planned = decodeValue(planned_state);
      if (planned === null) return { new_state: planned_state };
      const applied = mapAttributes(blockOf(type_name), planned, ({ type }, value, name) =>
        value === UNKNOWN ? madeUp(type, `<${name} of ${type_name} ${identity(planned)}>`) : value,
      );
      return { new_state: encodeValue(applied) };
    },
  };
}

/**
 * What distinguishes a resource from others of its type, so that what is made up for it is the same each
 * time.
 */
function identity(planned: unknown): string {
  const names = [
    "account_id",
    "repository_id",
    "service",
    "bucket",
    "name",
    "display_name",
    "role",
    "member",
  ];
  const values = Object.entries(planned ?? {}).filter(
    ([name, value]) => names.includes(name) && typeof value === "string",
  );
  return values.map(([, value]) => value).join(" ");
}

function handlers(all: Answers): grpc.UntypedServiceImplementation {
  const entries = Object.entries(all).map(([name, answer]) => {
    const handle: grpc.handleUnaryCall<ResourceRequest, object> = (call, done) => {
      try {
        done(null, answer(call.request));
      } catch (error) {
        done({ code: grpc.status.INTERNAL, details: String(error) });
      }
    };
    return [name, handle];
  });
  return Object.fromEntries(entries);
}

function schemaMessage(block: Block): object {
  return { version: 0, block: blockMessage(block) };
}

function blockMessage({ attributes, blocks }: Block): object {
  return {
    attributes: Object.entries(attributes).map(([name, { type, required, optional, computed }]) => ({
      name,
      type: Buffer.from(JSON.stringify(type)),
      required,
      optional: optional && !required,
      computed: computed && !required,
    })),
    block_types: Object.entries(blocks).map(([type_name, { nesting, minItems, maxItems, block }]) => ({
      type_name,
      nesting,
      min_items: minItems,
      max_items: maxItems,
      block: blockMessage(block),
    })),
  };
}

function pluginService(): grpc.ServiceDefinition {
  const options = { keepCase: true, longs: Number, enums: String, defaults: true };
  const loaded = loadSync(join(import.meta.dirname, "plugin.proto"), options)["tfplugin6.Provider"];
  if (loaded === undefined || "format" in loaded)
    throw new FlError("internal", "plugin.proto has no Provider.");
  return loaded;
}

/** A service of the plugin library, whose one method takes and gives bytes that are not looked into. */
function rawService(service: string, method: string): grpc.ServiceDefinition {
  const same = (bytes: Buffer) => bytes;
  return {
    [method]: {
      path: `/${service}/${method}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    },
  };
}
