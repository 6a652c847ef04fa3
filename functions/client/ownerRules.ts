// What the owner of a client lets a coordinator ask for: where its links lead, what they carry, and how much
// work they are.
import { FlError } from "../../shared/core/errors.ts";
import type { Grant } from "../../shared/core/schemas/protocol.ts";
import type { Link } from "./links.ts";

/** The owner's own bounds; no bound where one is absent, but for what is told of the data. */
export interface OwnerBounds {
  readonly maxEpochs?: number | undefined;
  readonly maxBatchSize?: number | undefined;
  readonly maxTopologyBytes?: number | undefined;
  readonly maxTrainMs?: number | undefined;
  /** Of so many labels at the most it tells how many samples it has; of none where absent. */
  readonly maxLabelCounts?: number | undefined;
}

/**
 * The headers that a link may bring, with the form of their values: those of a signed write of one new
 * object.
 */
const linkHeaders: Readonly<Record<string, RegExp>> = {
  "content-type": /^application\/octet-stream$/,
  "x-goog-content-length-range": /^\d{1,16},\d{1,16}$/,
  "x-goog-if-generation-match": /^0$/,
};

/**
 * The link, where it leads to the storage and carries nothing else than a signed link does. A coordinator
 * chooses addresses and headers; without this, a client could be sent to any server that its network reaches,
 * as itself.
 *
 * @param origin the storage's, such as https://storage.googleapis.com
 * @throws FlError("failed-precondition"), quoting nothing of the link
 */
export function acceptableLink(link: Link, what: string, origin: string): Link {
  const url = URL.canParse(link.url) ? new URL(link.url) : null;
  if (url === null || url.origin !== new URL(origin).origin || url.username !== "" || url.password !== "") {
    throw refusal(
      `the link to ${what} does not lead to ${new URL(origin).origin}, the only storage it accepts links to (LINK_ORIGIN)`,
    );
  }
  for (const [name, value] of Object.entries(link.headers)) {
    const key = name.toLowerCase();
    const form = Object.hasOwn(linkHeaders, key) ? linkHeaders[key] : undefined;
    if (form?.test(value) === true) continue;
    const known = Object.keys(linkHeaders).join(", ");
    throw refusal(
      `the link to ${what} has a header, or a header's value, that signed links never have; allowed are ${known}`,
    );
  }
  return link;
}

/** @throws FlError("failed-precondition") for work beyond the owner's bounds. */
export function checkBounds({ training }: Pick<Grant, "training">, bounds: OwnerBounds): void {
  const { maxEpochs = Number.POSITIVE_INFINITY, maxBatchSize = Number.POSITIVE_INFINITY } = bounds;
  const { localEpochs, batchSize } = training;
  const problems = [
    ...(localEpochs > maxEpochs ? [`${localEpochs} local epochs, at most ${maxEpochs} (MAX_EPOCHS)`] : []),
    ...(batchSize > maxBatchSize
      ? [`batches of ${batchSize}, at most ${maxBatchSize} (MAX_BATCH_SIZE)`]
      : []),
  ];
  if (problems.length > 0) throw refusal(`the run asks for ${problems.join(", and for ")}`);
}

function refusal(why: string): FlError {
  const message = `This client's owner does not allow it: ${why}.`;
  return new FlError("failed-precondition", message, { reason: "owner-refuses" });
}
