// What makes no sense with a relay, where the model goes from client to client.
import type { Face, SpecProblem } from "../methods/face.ts";

/** The parts of a spec that a relay does not go with, or changes the meaning of. */
interface RelayFacts {
  readonly round: {
    readonly relay?: unknown;
    readonly buffer?: unknown;
    readonly prewarm?: unknown;
    readonly quorum: number;
    readonly deadline?: { readonly kind: string } | undefined;
  };
  readonly selection: { readonly overSelect?: number | undefined; readonly paperFaithful?: unknown };
  readonly training: { readonly method: string; readonly local?: readonly unknown[] | undefined };
}

/**
 * Each with its place, the reason and what to do; none where the run has no relay.
 *
 * @param training the face of the training method.
 */
export function relayProblems(
  { round, selection, training: options }: RelayFacts,
  training: Pick<Face, "keepsState" | "assignsParts"> | undefined,
): readonly SpecProblem[] {
  if (round.relay === undefined) return [];
  const problems: SpecProblem[] = [];
  const refuse = (path: readonly string[], message: string) => problems.push({ path, message });
  const idle = "has no meaning with round.relay";
  if (round.buffer !== undefined) {
    refuse(["round", "buffer"], `${idle}, whose rounds wait for their groups: leave one of the two out`);
  }
  if (round.quorum !== 1) {
    refuse(["round", "quorum"], `${idle}: a round ends when every group has had its turns; leave it out`);
  }
  if (round.deadline?.kind === "adaptive") {
    refuse(["round", "deadline"], `${idle}: deadlineSeconds is each client's own; leave it out`);
  }
  if (round.prewarm !== undefined) {
    refuse(["round", "prewarm"], `${idle}: only the first client of a group begins at once; leave it out`);
  }
  if ((selection.overSelect ?? 0) > 0) {
    refuse(["selection", "overSelect"], `${idle}: raise selection.cohortSize instead`);
  }
  if (selection.paperFaithful === true) {
    refuse(
      ["selection", "paperFaithful"],
      `${idle}: in what was published clients train beside each other; leave it out`,
    );
  }
  const { method, local = [] } = options;
  if (training?.keepsState === true) {
    refuse(
      ["training", "method"],
      `${method} measures from the version how far a client has come, and in a relay clients begin from one another's models: use fedprox`,
    );
  }
  if (training?.assignsParts === true) {
    refuse(
      ["training", "method"],
      `${method} trains parts of the parameters, and in a relay the next client needs all: use another method`,
    );
  }
  if (local.length > 0) {
    refuse(
      ["training", "local"],
      "cannot be had with round.relay: the model that is passed on has all layers",
    );
  }
  return problems;
}
