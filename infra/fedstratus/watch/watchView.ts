// What a person or a program sees of a run that is watched: a frame that is redrawn, a line a round, or a
// document for each change.
import type { RoundFigures } from "../../../shared/core/schemas/figures.ts";
import type { Run } from "../../../shared/core/schemas/run.ts";
import { liveFrame } from "../../cli/view/liveFrame.ts";
import { liveScreen } from "../../cli/view/liveScreen.ts";
import { paletteOf } from "../../cli/view/palette.ts";
import { roundLog } from "../../cli/view/roundLog.ts";
import { type RoundSnapshot, runSnapshotOf } from "../../cli/view/roundSnapshot.ts";
import type { Read } from "../frame/api.ts";
import type { Context } from "../frame/context.ts";

/** A run at one moment, with the last of the rounds since the watch began. */
export interface Seen {
  readonly run: Read<Run>;
  readonly rounds: readonly Read<RoundFigures>[];
  readonly snapshots: readonly RoundSnapshot[];
  /** Of the rounds since the watch began that are not among these any more. */
  readonly leftOut: { readonly rounds: number; readonly closed: number };
  /** Whether anything differs from the last time. */
  readonly isNews: boolean;
}

interface WatchView {
  show(seen: Seen): void;
  /** What a person should know; said once until another kind of it is. */
  note(text: string, kind: string): void;
  /** Leaves the terminal as it was. */
  end(): void;
}

export function watchView({ io, out, options }: Context): WatchView {
  if (out.isJson) return jsonView(out.event);
  const isLive = out.isTerminal && io.env["TERM"] !== "dumb" && !options.quiet;
  const view = isLive ? frameView(io.stdout, out.color) : lineView((line) => out.event(null, line));
  let told: string | undefined;
  return {
    ...view,
    note: (text, kind) => {
      if (kind !== told) view.note(text);
      told = kind;
    },
  };

  function lineView(write: (line: string) => void) {
    const log = roundLog(write);
    let status: string | undefined;
    return {
      show: ({ run, snapshots }: Seen) => {
        const now = statusText(run.value);
        if (now !== status) write(now);
        status = now;
        log.show(snapshots);
      },
      note: (text: string) => out.warn(text),
      end: log.rest,
    };
  }
}

function statusText({ runId, status, statusReason }: Run): string {
  return `run ${runId} is ${status}${statusReason === null ? "" : `: ${statusReason}`}`;
}

function frameView(stream: Context["io"]["stdout"], color: boolean) {
  let seen: Seen | undefined;
  let hasBegun = false;
  const palette = paletteOf(color);
  const screen = liveScreen(stream, (size) => {
    if (seen === undefined) return null;
    const { value } = seen.run;
    const head = { facts: factsOf(value), rounds: value.spec.stop.rounds ?? value.round };
    return liveFrame(
      { head, rounds: seen.snapshots, leftOut: seen.leftOut, run: runSnapshotOf(value) },
      size,
      palette,
    );
  });
  return {
    show: (now: Seen) => {
      seen = now;
      if (hasBegun) return screen.draw();
      hasBegun = true;
      screen.begin();
    },
    note: screen.note,
    end: () => {
      if (hasBegun) screen.end();
      hasBegun = false;
    },
  };
}

function factsOf(run: Run): readonly (readonly [string, string])[] {
  const { runId, spec, statusReason } = run;
  const { strategy, cohortSize } = spec.selection;
  return [
    ["run", runId],
    ["name", spec.name],
    ["selection", `${strategy}, ${cohortSize} clients a round`],
    ...(statusReason === null ? [] : [["status", `${run.status}: ${statusReason}`] as const]),
  ];
}

function jsonView(event: Context["out"]["event"]): WatchView {
  const shown = new Map<string, string>();
  const show = (key: string, document: object) => {
    const text = JSON.stringify(document);
    if (shown.get(key) !== text) event(document, null);
    shown.set(key, text);
  };
  return {
    show: ({ run, rounds }) => {
      show("run", { type: "run", run: run.json });
      for (const { json, value } of rounds) show(`round ${value.round}`, { type: "round", round: json });
      const kept = new Set(["run", ...rounds.map(({ value }) => `round ${value.round}`)]);
      for (const key of shown.keys()) if (!kept.has(key)) shown.delete(key);
    },
    note: () => undefined,
    end: () => undefined,
  };
}
