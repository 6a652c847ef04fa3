// The commands in docs/cli.md, made from the table that the program itself is made from.
import { COMMANDS } from "../fedstratus/commands/table.ts";
import { type DescribedCommand, describedProgram } from "../fedstratus/frame/described.ts";

const program = describedProgram(COMMANDS);

/**
 * The page with its tables made again, each between two marks.
 *
 * @throws Error when the page lacks a mark.
 */
export function withCommands(page: string): string {
  const parts: readonly (readonly [name: string, text: string])[] = [
    ["commands", commandTable()],
    ["options of every command", optionTable(program.globalOptions)],
    ["exit codes", exitTable()],
    ["reference", reference()],
  ];
  return parts.reduce((text, [name, part]) => withPart(text, name, part), page);
}

function withPart(page: string, name: string, part: string): string {
  const [begin, end] = [`<!-- ${name}: made by npm run docs -->`, `<!-- end of ${name} -->`];
  const [before, rest] = page.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`The page must hold ${begin} and ${end}.`);
  return `${before}${begin}\n\n${part}\n\n${end}${after}`;
}

function commandTable(): string {
  const rows = program.commands.map(
    ({ command, summary }) => `| [\`${command}\`](#${anchorOf(command)}) | ${cell(summary)} |`,
  );
  return ["| command | |", "|---|---|", ...rows].join("\n");
}

function exitTable(): string {
  const rows = program.exitCodes.map(({ code, meaning }) => `| ${code} | ${cell(meaning)} |`);
  return ["| code | |", "|---|---|", ...rows].join("\n");
}

function optionTable(options: DescribedCommand["options"]): string {
  const rows = options.map(({ flags, about, ...option }) => {
    const { default: standard, isRequired, isRepeatable, choices } = option;
    const more = [
      ...(choices === undefined ? [] : [`one of ${choices.join(", ")}`]),
      ...(isRequired ? ["needed"] : []),
      ...(isRepeatable ? ["may be given several times"] : []),
      ...(typeof standard === "number" ? [`default ${standard}`] : []),
    ];
    return `| \`${flags}\` | ${cell([about, ...more].join("; "))} |`;
  });
  return ["| option | |", "|---|---|", ...rows].join("\n");
}

function reference(): string {
  return program.commands.map(section).join("\n\n");
}

function section(described: DescribedCommand): string {
  const { command, summary, about, arguments: args, options, exitCodes, examples } = described;
  const words = args.map(({ name, isRequired, isVariadic }) => {
    const word = isVariadic ? `${name}...` : name;
    return isRequired ? `<${word}>` : `[${word}]`;
  });
  const usage = ["fedstratus", command, ...words, ...(options.length === 0 ? [] : ["[options]"])].join(" ");
  const argRows = args.map(
    ({ name, about: what, choices }) =>
      `| \`${name}\` | ${cell(choices === undefined ? what : `${what}: ${choices.join(", ")}`)} |`,
  );
  return [
    `### ${command}`,
    wrapped(`${summary}${about === undefined ? "" : ` ${about}`}`),
    ["```text", usage, "", ...examples, "```"].join("\n"),
    ...(argRows.length === 0 ? [] : [["| argument | |", "|---|---|", ...argRows].join("\n")]),
    ...(options.length === 0 ? [] : [optionTable(options)]),
    wrapped(`${factsOf(described)} Exit codes: ${exitCodes.join(", ")}.`),
  ].join("\n\n");
}

function factsOf({ isMutating, isIdempotent, isStreaming }: DescribedCommand): string {
  const changes = isMutating
    ? `Changes something${isIdempotent ? "; calling it again does nothing more" : ""}.`
    : "Changes nothing.";
  return isStreaming ? `${changes} Streams: \`--json\` prints a document a line.` : changes;
}

function anchorOf(command: string): string {
  return command.replaceAll(" ", "-");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

/** As prose of the guides is. */
function wrapped(text: string): string {
  return text.replace(/(?=.{141})(.{1,140}) /g, "$1\n");
}
