// `fedstratus completion`: the script that completes commands and options in a shell.
import { command } from "../frame/command.ts";
import { arg } from "../frame/values.ts";
import { PROGRAM } from "../frame/words.ts";

export const completion = command({
  name: "completion",
  summary: "Print the script that completes commands and options in a shell.",
  examples: ["completion bash > ~/.local/share/bash-completion/completions/fedstratus"],
  args: { shell: arg.choice("<shell>", "the shell", ["bash", "zsh", "fish", "powershell"]) },
  options: {},
  isMutating: false,
  isIdempotent: true,
  isStreaming: false,
  exits: [],
  run: async ({ out }, { args: { shell } }) => {
    const { scriptOf } = await import("../frame/complete.ts");
    const script = scriptOf(shell, PROGRAM);
    await out.document({ shell, script }, () => [script.trimEnd()]);
    return undefined;
  },
});
