// What clients are called: by number, or after the group that they hold.

/** As long as a client's name may be. */
const MOST_CHARACTERS = 63;

/** client-01 and on, with as many digits as the last one needs, two at the least. */
export function clientNames(clients: number): readonly string[] {
  const digits = Math.max(2, String(clients).length);
  return Array.from({ length: clients }, (_, i) => `client-${String(i + 1).padStart(digits, "0")}`);
}

/**
 * Groups' names as clients' are: lower-case letters, digits and inner hyphens. Where two become the same, the
 * later ones have a number; null is the group of rows without a value.
 */
export function namesOfGroups(groups: readonly (string | null)[]): readonly string[] {
  const taken = new Set<string>();
  return groups.map((group) => {
    const plain = plainName(group ?? "none");
    let name = plain;
    for (let number = 2; taken.has(name); number++) {
      const end = `-${number}`;
      name = `${plain.slice(0, MOST_CHARACTERS - end.length).replace(/-+$/, "")}${end}`;
    }
    taken.add(name);
    return name;
  });
}

function plainName(text: string): string {
  const plain = text
    .normalize("NFKD")
    .toLowerCase()
    .replace(/\p{M}+/gu, "")
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, MOST_CHARACTERS)
    .replace(/^-+|-+$/g, "");
  return plain === "" ? "group" : plain;
}
