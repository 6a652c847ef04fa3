// `fedstratus schema`: every command as data, for programs that call this one.
import { type Command, command } from "../frame/command.ts";
import { UsageError } from "../frame/failures.ts";
import { arg } from "../frame/values.ts";

/** @param all gives the table that it is part of */
export const schemaCommand = (all: () => readonly Command[]) =>
  command({
    name: "schema",
    summary: "Print what commands take and how they end, as JSON.",
    examples: ["schema", "schema run list"],
    args: { words: arg.texts("[command...]", "one command, or a group; absent: all of them") },
    options: {},
    isMutating: false,
    isIdempotent: true,
    isStreaming: false,
    exits: [],
    run: async ({ out }, { args: { words } }) => {
      const { describedProgram } = await import("../frame/described.ts");
      const name = (words ?? []).join(" ");
      const chosen = all().filter(
        (one) => name === "" || one.name === name || one.name.startsWith(`${name} `),
      );
      if (chosen.length === 0) throw new UsageError(`There is no command ${name}.`);
      const described = describedProgram(chosen);
      await out.document(described, () => [JSON.stringify(described, null, 2)]);
      return undefined;
    },
  });
