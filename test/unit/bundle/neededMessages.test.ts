// What is left of a description of messages: all that a service needs, and nothing else.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Description, neededMessages } from "../../../infra/bundle/neededMessages.ts";

const text = { type: "string", id: 1 };
const shop = {
  options: { go_package: "shop" },
  nested: {
    shop: {
      options: { java_package: "shop" },
      nested: {
        Sales: {
          options: { host: "shop" },
          methods: {
            Buy: { requestType: "Order", responseType: ".shop.Receipt" },
            Look: { requestType: "other.Empty", responseType: "Order.Line", responseStream: true },
          },
        },
        Stock: { methods: { Count: { requestType: "Item", responseType: "other.Empty" } } },
        Order: {
          oneofs: { by: { oneof: ["name"] } },
          fields: {
            name: text,
            again: { type: "Order", id: 2 },
            lines: { keyType: "string", type: "Line", id: 3 },
          },
          nested: {
            Line: { fields: { kind: { type: "Kind", id: 1 } } },
            Kind: { values: { FEW: 0 } },
            Unused: { fields: { item: { type: "Item", id: 1 } } },
          },
        },
        Receipt: { fields: { at: { type: "other.Time", id: 1 } } },
        Item: { fields: { name: text } },
        // Of the same name as one that is nearer to Line.
        Kind: { values: { WRONG: 0 } },
        marked: { extend: "other.Empty", type: "Item", id: 9 },
      },
    },
    other: {
      nested: { Empty: { fields: {} }, Time: { fields: { s: text } }, Never: { fields: { s: text } } },
    },
  },
};

describe("needed messages", () => {
  it("are those of the service, those that they are made of, and nothing else", () => {
    const before = structuredClone(shop);
    const { Sales, Order, Receipt } = shop.nested.shop.nested;
    const { Unused: _, ...within } = Order.nested;
    const { Empty, Time } = shop.nested.other.nested;
    expect(neededMessages(shop, ["shop.Sales"])).toEqual({
      options: shop.options,
      nested: {
        shop: {
          options: shop.nested.shop.options,
          nested: { Sales, Order: { ...Order, nested: within }, Receipt },
        },
        other: { nested: { Empty, Time } },
      },
    });
    expect(shop).toEqual(before);
  });

  it("are those of several services", () => {
    const both = neededMessages(shop, ["shop.Stock", "shop.Sales"]);
    expect(Object.keys(both.nested?.["shop"]?.nested ?? {})).toContain("Item");
    expect(neededMessages(both, ["shop.Sales"])).toEqual(neededMessages(shop, ["shop.Sales"]));
  });

  it.each(["shop.Order", "shop.Gone", "gone.Sales", ""])("%s is no service", (name) => {
    expect(() => neededMessages(shop, ["shop.Sales", name])).toThrow(`no service ${name}`);
  });

  it.each([
    ["@google-cloud/firestore-api/build/protos/protos.json", "google.firestore.v1.Firestore"],
    ["@google-cloud/tasks/build/protos/protos.json", "google.cloud.tasks.v2.CloudTasks"],
  ])("of %s leave no name without its message", (file, service) => {
    const path = new URL(`../../../node_modules/${file}`, import.meta.url);
    const whole = JSON.parse(readFileSync(path, "utf8")) as Description;
    const needed = neededMessages(whole, [service]);
    expect(JSON.stringify(needed).length).toBeLessThan(JSON.stringify(whole).length / 3 + 1);
    // Nothing more is found missing by looking again, in what is left alone.
    expect(neededMessages(needed, [service])).toEqual(needed);
    const names = [...JSON.stringify(needed).matchAll(/"(?:type|requestType|responseType)":"([^"]+)"/g)];
    // Names with a slash are of resources.
    const numbers = /^(?:double|float|bool|string|bytes|u?int(?:32|64)|s?fixed(?:32|64)|sint(?:32|64))$/;
    const last = (name: string) => name.split(".").at(-1) ?? "";
    const used = new Set(
      names.flatMap(([, name = ""]) => (numbers.test(name) || name.includes("/") ? [] : [last(name)])),
    );
    for (const name of used) expect(JSON.stringify(needed)).toContain(`"${name}":{`);
  });
});
