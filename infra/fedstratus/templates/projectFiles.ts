// The files of a new project, and the commands that come next. Pure.
import { RunSpec } from "../../../shared/core/schemas/spec.ts";
import { REGISTRATION_COLUMNS } from "../input/registrations.ts";
import type { TemplateName } from "./names.ts";
import { TEMPLATES, type Template } from "./templates.ts";

/** Their texts by name. */
export function projectFiles(name: TemplateName): Readonly<Record<string, string>> {
  const template = TEMPLATES[name];
  const { spec, model, features, federation } = template;
  return {
    "README.md": readme(name, template),
    "clients.csv": clientRows(template),
    ...(features === undefined ? {} : { "features.json": json(features) }),
    "federation.json": json(federation),
    ...(model === undefined ? {} : { "model.json": json(model) }),
    "spec.json": json(spec),
  };
}

/**
 * Check, register, train.
 *
 * @param at says where a file of the project is, as a shell reads it
 */
export function nextCommands(
  name: TemplateName,
  at: (file: string) => string = (file) => file,
): readonly string[] {
  const { model } = TEMPLATES[name];
  const run = `${at("spec.json")}${model === undefined ? "" : ` --model ${at("model.json")}`}`;
  return [
    `fedstratus check ${run} --offline`,
    `fedstratus client import ${at("clients.csv")}`,
    `fedstratus train ${run}`,
  ];
}

/** As many as a round invites, at addresses that nobody has. */
function clientRows({ spec, model }: Template): string {
  const { selection } = RunSpec.parse({
    ...(model === undefined ? {} : { model: { layers: model } }),
    ...spec,
  });
  const rows = Array.from({ length: selection.cohortSize }, (_, i) => {
    const clientId = `client-${i + 1}`;
    return {
      clientId,
      url: `https://${clientId}.example.com`,
      serviceAccount: `${clientId}@example-project.iam.gserviceaccount.com`,
    };
  });
  const lines = rows.map((row) => REGISTRATION_COLUMNS.map((column) => row[column]).join(","));
  return `${[REGISTRATION_COLUMNS.join(","), ...lines].join("\n")}\n`;
}

function readme(name: TemplateName, { model, features, federation }: Template): string {
  const data = (path: string) => `\`${path.replace("{clientId}", "NAME")}\``;
  const files = [
    "| `spec.json` | the run: loss, optimizer, rounds, metrics and all else |",
    ...(model === undefined ? [] : ["| `model.json` | the model, as `model.to_json()` of Keras writes it |"]),
    ...(features === undefined ? [] : ["| `features.json` | what the model sees of the data |"]),
    "| `clients.csv` | the clients: put yours in the place of these |",
    "| `federation.json` | where the data lie, for a local cloud |",
  ];
  return `# A federation

Made by \`fedstratus init --template ${name}\`.

| file | |
|---|---|
${files.join("\n")}

## In a deployment

\`check\` says what is wrong with the spec and its model. Then register the clients, and train:

\`\`\`sh
${nextCommands(name).join("\n")}
\`\`\`

\`fedstratus --help\` shows what else there is.

## In a local cloud

Put each client's data at ${data(federation.clients)}, and what versions are scored on at ${data(federation.test)}.
In a clone of FedStratus, \`npm run federate -- FOLDER\` trains with them; FOLDER is this one.
`;
}

function json(document: object): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}
