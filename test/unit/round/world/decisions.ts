// The decisions of the round protocol as the product makes them. A test of the invariants spoils one of them.
import { foldRound } from "../../../../shared/core/roster/fold.ts";
import { withReports } from "../../../../shared/core/roster/reports.ts";
import { carriedFrom } from "../../../../shared/core/round/buffered.ts";
import { closeRound, refusedClaim } from "../../../../shared/core/round/close.ts";
import { cancelRound, control, prepared, trigger } from "../../../../shared/core/round/control.ts";
import { recordEvaluation } from "../../../../shared/core/round/evaluation.ts";
import {
  foldBegun,
  foldFailed,
  foldsExhausted,
  gaveUpFolding,
} from "../../../../shared/core/round/giveUp.ts";
import { fixInputs, inputsOf, newlyLate } from "../../../../shared/core/round/inbox.ts";
import { markAfter } from "../../../../shared/core/round/marks.ts";
import {
  checkQuorumFeasible,
  completed,
  mayOpen,
  planRound,
  scoresAwaited,
  wake,
} from "../../../../shared/core/round/open.ts";
import { publish, whyDegraded } from "../../../../shared/core/round/publish.ts";
import { turnOf } from "../../../../shared/core/round/relay.ts";
import { claim, report } from "../../../../shared/core/round/report.ts";
import { stopReason } from "../../../../shared/core/round/stop.ts";
import { sweepInvocation, swept } from "../../../../shared/core/round/sweep.ts";
import { dueTier } from "../../../../shared/core/round/tiers.ts";
import { expectedCommands } from "../../../../shared/core/round/watch.ts";

export const DECISIONS = {
  cancelRound,
  carriedFrom,
  turnOf,
  claim,
  closeRound,
  completed,
  control,
  dueTier,
  checkQuorumFeasible,
  expectedCommands,
  fixInputs,
  foldBegun,
  foldFailed,
  foldRound,
  foldsExhausted,
  gaveUpFolding,
  inputsOf,
  markAfter,
  mayOpen,
  newlyLate,
  planRound,
  prepared,
  publish,
  recordEvaluation,
  refusedClaim,
  report,
  scoresAwaited,
  stopReason,
  sweepInvocation,
  swept,
  trigger,
  wake,
  whyDegraded,
  withReports,
};

export type Decisions = typeof DECISIONS;
