// The part of a description of messages that some services need. Google's libraries bring one description of
// all of an interface, and make something of every message in it when they connect.

/** Of protobufjs: a namespace, a message, an enumeration, a service, or a field that extends a message. */
export interface Description {
  readonly nested?: Readonly<Record<string, Description>>;
  readonly fields?: Readonly<Record<string, { readonly type: string }>>;
  readonly methods?: Readonly<
    Record<string, { readonly requestType: string; readonly responseType: string }>
  >;
  readonly values?: object;
  readonly extend?: string;
}

/**
 * The services with every message that they take or return, what these are made of, and nothing else.
 *
 * @param services their whole names, such as `google.firestore.v1.Firestore`
 * @throws Error for a service that is not there
 */
export function neededMessages(root: Description, services: readonly string[]): Description {
  const needed = new Set<string>();
  const missing = services.filter((service) => at(root, service)?.methods === undefined);
  if (missing.length > 0) throw new Error(`The description has no service ${missing.join(" and ")}.`);
  const waiting = [...services];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (needed.has(name)) continue;
    needed.add(name);
    const one = at(root, name);
    const types = [
      ...Object.values(one?.fields ?? {}).map(({ type }) => type),
      ...Object.values(one?.methods ?? {}).flatMap((method) => [method.requestType, method.responseType]),
    ];
    const scope = name;
    waiting.push(...types.flatMap((type) => found(root, scope, type) ?? []));
    // A message within another one is in its scope.
    const outer = name.split(".").slice(0, -1).join(".");
    if (at(root, outer)?.fields !== undefined) waiting.push(outer);
  }
  return only(root, "", needed) ?? {};
}

function at(root: Description, name: string): Description | undefined {
  let one: Description | undefined = root;
  for (const part of name === "" ? [] : name.split(".")) one = one?.nested?.[part];
  return one;
}

/** The whole name of a type as a message in `scope` names it; undefined for numbers, text and the like. */
function found(root: Description, scope: string, type: string): string | undefined {
  if (type.startsWith(".")) return type.slice(1);
  const parts = scope.split(".");
  for (let length = parts.length; length >= 0; length--) {
    const name = [...parts.slice(0, length), type].join(".");
    if (at(root, name) !== undefined) return name;
  }
  return undefined;
}

function only(one: Description, name: string, needed: ReadonlySet<string>): Description | undefined {
  const { nested, ...own } = one;
  const kept = Object.entries(nested ?? {}).flatMap(([part, inner]): [string, Description][] => {
    const left = only(inner, name === "" ? part : `${name}.${part}`, needed);
    return left === undefined ? [] : [[part, left]];
  });
  const isNamespace = [one.fields, one.methods, one.values, one.extend].every((part) => part === undefined);
  if (kept.length === 0 && !needed.has(name)) return undefined;
  return {
    ...(isNamespace || needed.has(name) ? own : {}),
    ...(kept.length === 0 ? {} : { nested: Object.fromEntries(kept) }),
  };
}
