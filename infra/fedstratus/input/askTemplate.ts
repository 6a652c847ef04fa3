// Asks a person which template a project begins with.
import type { Readable, Writable } from "node:stream";
import type { Context } from "../frame/context.ts";
import { UsageError } from "../frame/failures.ts";
import { TEMPLATE_ABOUT, TEMPLATE_NAMES, type TemplateName } from "../templates/names.ts";

/**
 * Returns undefined where the person ends it by Ctrl-C.
 *
 * @throws UsageError where nobody is there to be asked
 */
export async function askTemplate({ io, canAsk }: Context): Promise<TemplateName | undefined> {
  if (!canAsk) {
    throw new UsageError(
      `Nobody is here to choose a template. Name one by --template: ${TEMPLATE_NAMES.join(", ")}.`,
    );
  }
  const { isCancel, select } = await import("@clack/prompts");
  const chosen = await select<TemplateName>({
    message: "What does the project begin with?",
    options: TEMPLATE_NAMES.map((value) => ({ value, label: value, hint: TEMPLATE_ABOUT[value] })),
    // Stdout is for results.
    input: io.stdin as Readable,
    output: io.stderr as unknown as Writable,
  });
  return isCancel(chosen) ? undefined : chosen;
}
