// What a decision asks to be done next. Commands are data: the functions turn each into one task, named after it.
import { roundKey } from "../schemas/ids.ts";

export type Command =
  | { readonly kind: "prepare"; readonly runId: string }
  | { readonly kind: "open-round"; readonly runId: string; readonly request: number; readonly atMs?: number }
  | {
      readonly kind: "invoke";
      readonly runId: string;
      readonly round: number;
      readonly clientId: string;
      readonly url: string;
      readonly timeoutSeconds: number;
    }
  | {
      readonly kind: "close-round";
      readonly runId: string;
      readonly round: number;
      readonly pass: 1 | 2;
      readonly atMs: number;
    }
  | { readonly kind: "prewarm"; readonly runId: string; readonly round: number }
  | {
      readonly kind: "warm";
      readonly runId: string;
      readonly round: number;
      readonly clientId: string;
      readonly url: string;
    }
  | { readonly kind: "aggregate"; readonly runId: string; readonly round: number }
  | { readonly kind: "sweep"; readonly runId: string; readonly pass: number; readonly atMs?: number }
  | { readonly kind: "evaluate"; readonly runId: string; readonly round: number; readonly version: number };

/** The invocation whose client a task of this name calls; null for a task of another kind. */
export function invocationOf(
  taskName: string,
): { readonly runId: string; readonly round: number; readonly clientId: string } | null {
  const [, runId, round, clientId] = /^invoke_([^_]+)_(\d+)_([^_]+)(?:_\d+)?$/.exec(taskName) ?? [];
  return runId === undefined || clientId === undefined ? null : { runId, round: Number(round), clientId };
}

/**
 * The name that makes a task unique: the transition it stands for. An underscore cannot occur in an id, so no two
 * transitions share a name. Below 200 characters.
 */
export function taskName(command: Command): string {
  switch (command.kind) {
    case "prepare":
      return `prepare_${command.runId}`;
    case "open-round":
      return `open_${command.runId}_${command.request}`;
    case "invoke":
      return `invoke_${command.runId}_${roundKey(command.round)}_${command.clientId}`;
    case "prewarm":
      return `prewarm_${command.runId}_${roundKey(command.round)}`;
    case "warm":
      return `warm_${command.runId}_${roundKey(command.round)}_${command.clientId}`;
    case "close-round":
      return `close_${command.runId}_${roundKey(command.round)}_${command.pass}`;
    case "aggregate":
      return `aggregate_${command.runId}_${roundKey(command.round)}`;
    case "sweep":
      return `sweep_${command.runId}_${command.pass}`;
    case "evaluate":
      return `evaluate_${command.runId}_${command.version}`;
  }
}
