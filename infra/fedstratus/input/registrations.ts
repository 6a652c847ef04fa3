// Clients as a person gives them: options, a JSON file, or the rows of a CSV file.
import { UsageError } from "../frame/failures.ts";

export interface GivenClient {
  readonly id: string | undefined;
  readonly url: string | undefined;
  readonly account: string | undefined;
  readonly memory: number | undefined;
  /** Each `name=value`. */
  readonly label: readonly string[];
}

/** What the api takes; it says what is wrong with it. @throws UsageError for what is missing */
export function registrationOf({ id, url, account, memory, label }: GivenClient): object {
  const missing = Object.entries({ "--id": id, "--url": url, "--account": account }).flatMap(
    ([name, value]) => (value === undefined ? [name] : []),
  );
  if (missing.length > 0)
    throw new UsageError(`${missing.join(", ")}: missing. Or name a file of JSON by --file.`);
  return {
    clientId: id,
    url,
    serviceAccount: account,
    ...(memory === undefined ? {} : { capacity: { memoryMib: memory } }),
    ...(label.length === 0 ? {} : { labels: labelsOf(label) }),
  };
}

/** @throws UsageError for one that is not `name=value`, or that is given twice */
export function labelsOf(labels: readonly string[]): Readonly<Record<string, string>> {
  const entries = labels.map((label) => {
    const cut = label.indexOf("=");
    if (cut < 1)
      throw new UsageError(`--label takes a name and a value, such as region=north, not ${label}.`);
    return [label.slice(0, cut), label.slice(cut + 1)] as const;
  });
  const names = entries.map(([name]) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new UsageError(`--label ${twice} is given twice.`);
  return Object.fromEntries(entries);
}

/** The columns that a CSV file of clients needs; others and `label.<name>` may be there. */
export const REGISTRATION_COLUMNS = ["clientId", "url", "serviceAccount"] as const;
const NUMBERS: Readonly<Record<string, readonly [part: string, key: string]>> = {
  memoryMib: ["capacity", "memoryMib"],
  vcpu: ["capacity", "vcpu"],
  timeoutSeconds: ["capacity", "timeoutSeconds"],
  samples: ["dataCard", "samples"],
  classes: ["dataCard", "classes"],
};

/** @throws UsageError for a header that lacks a column, or has one that is not known */
export function requireColumns(header: readonly string[]): void {
  const missing = REGISTRATION_COLUMNS.filter((name) => !header.includes(name));
  const known = [...REGISTRATION_COLUMNS, ...Object.keys(NUMBERS), "description"];
  const strange = header.filter((name) => !known.includes(name) && !/^label\../.test(name));
  const twice = header.filter((name, i) => header.indexOf(name) !== i);
  const problems = [
    ...missing.map((name) => `${name} is missing`),
    ...strange.map((name) => `${name} is not known`),
    ...twice.map((name) => `${name} is there twice`),
  ];
  if (problems.length === 0) return;
  throw new UsageError(
    `The first line names the columns: ${problems.join(", ")}. They are ${known.join(", ")} and label.<name>.`,
  );
}

/** What the api takes of a row; empty fields are left out. A number that is none is the api's to refuse. */
export function registrationOfRow(row: Readonly<Record<string, string>>): object {
  const registration: Record<string, unknown> = {};
  const put = (part: string, key: string, value: unknown) => {
    registration[part] = { ...Object(registration[part]), [key]: value };
  };
  for (const [name, text] of Object.entries(row)) {
    if (text === "") continue;
    const number = NUMBERS[name];
    if (name.startsWith("label.")) put("labels", name.slice("label.".length), text);
    else if (number !== undefined) put(...number, Number.isNaN(Number(text)) ? text : Number(text));
    else if (name === "description") put("dataCard", name, text);
    else registration[name] = text;
  }
  return registration;
}
