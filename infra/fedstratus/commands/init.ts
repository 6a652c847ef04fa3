// `fedstratus init`: a folder to begin a federation with.
import { command } from "../frame/command.ts";
import { arg, opt } from "../frame/values.ts";
import { TEMPLATE_ABOUT, TEMPLATE_NAMES } from "../templates/names.ts";

export const init = command({
  name: "init",
  summary:
    "Write a project to begin with: a spec, a model, what it sees of the data, and clients to register.",
  about:
    "The files are those of the repository's examples. At a terminal it asks for the template where none is named. A folder that is not empty is left as it is; with --force, files of the same names are replaced in it, and no others.",
  examples: ["init mine --template images", "init . --template blank --force"],
  args: { dir: arg.folder("[dir]", "the folder to write into, which is made; absent: this one") },
  options: {
    template: opt.choice(
      "--template <name>",
      TEMPLATE_NAMES.map((name) => `${name}: ${TEMPLATE_ABOUT[name]}`).join(" · "),
      TEMPLATE_NAMES,
    ),
    force: opt.flag("--force", "write into a folder that is not empty, and replace files of the same names"),
  },
  isMutating: true,
  isIdempotent: false,
  isStreaming: false,
  exits: ["refused", "input", "unreachable"],
  run: async (context, { args, options }) => {
    const { initProject } = await import("../documents/initProject.ts");
    return initProject(args.dir ?? ".", options, context);
  },
});
