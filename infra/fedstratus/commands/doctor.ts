// `fedstratus doctor`: whether everything is there that commands need, and what to do where it is not.
import { command } from "../frame/command.ts";

export const doctor = command({
  name: "doctor",
  summary:
    "Check what commands and the deployment need: from Node and your identity to its watchdog, queue, quota and backend.",
  about: "Each line is a check, its verdict, and what to do where it fails. Nothing is changed.",
  examples: ["doctor", "doctor --profile production --json"],
  args: {},
  options: {},
  isMutating: false,
  isIdempotent: true,
  isStreaming: false,
  exits: ["refused"],
  run: async (context) => {
    const { examine } = await import("../documents/doctor.ts");
    const rows = await examine(context);
    await context.out.table({
      columns: [
        { key: "check", title: "check", rank: 0, text: ({ check }) => check },
        {
          key: "verdict",
          title: "verdict",
          rank: 0,
          text: ({ verdict }) => verdict,
          short: ({ verdict }, { good, warn, bad }) =>
            ({ pass: good, warning: warn, fail: bad, skipped: warn })[verdict](verdict),
        },
        { key: "detail", title: "", rank: 0, text: ({ detail }) => detail },
        // At a terminal it is below, whole.
        ...(context.out.isTerminal
          ? []
          : [
              {
                key: "remedy",
                title: "",
                rank: 1,
                text: ({ remedy }: (typeof rows)[number]) => remedy ?? "",
              },
            ]),
      ],
      rows,
      itemOf: (row) => row,
      json: { items: rows, nextCursor: null },
      empty: "",
    });
    for (const { check, detail, remedy, verdict } of rows) {
      if (!context.out.isTerminal || verdict === "pass" || verdict === "skipped") continue;
      const advice = remedy === null ? [] : [`  remedy: ${remedy}`];
      context.out.say([`\n${check}: ${detail}`, ...advice].join("\n"));
    }
    return rows.some(({ verdict }) => verdict === "fail") ? "refused" : undefined;
  },
});
