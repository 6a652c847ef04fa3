// The mean over all clients of what each keeps, which the server knows only by what some of them send.

/**
 * Moves `mean`, in place, by what the updates of a round sent: each client's new value less (1 − recovery)
 * times its old one. With a recovery of 0 that is the mean of all clients' last values, for good wrong by
 * whatever was lost; with one of 1 an average of the last rounds. What it is wrong by shrinks by share ×
 * recovery a round.
 *
 * @param sent the mean of what was sent. @param share the updates as a share of all clients, in (0, 1].
 */
export function moveMean(
  mean: Float32Array,
  sent: Float64Array,
  { share, recovery }: { readonly share: number; readonly recovery: number },
): void {
  for (let i = 0; i < mean.length; i++) {
    mean[i] = (1 - share * recovery) * (mean[i] ?? 0) + share * (sent[i] ?? 0);
  }
}
