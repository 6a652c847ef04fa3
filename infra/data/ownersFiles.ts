// The files of a data set that lies on the machine of its owner.
import { type DataFile, listFiles } from "../../shared/cloud/data/files.ts";
import type { SourceOptions } from "../../shared/cloud/source.ts";
import { FlError } from "../../shared/core/errors.ts";
import { dataAddress } from "./dataAddress.ts";

/** Memory for what a reader must hold at once, such as a row group of Parquet or the text of a novel. */
export const ROOM_BYTES = 2 ** 30;

const nobody = () => Promise.reject(new Error("A local file asks for no token."));
/** Of readers: nothing but files is read. */
export const LOCAL_ONLY: SourceOptions = { tokens: { accessToken: nobody, fetchIdToken: nobody } };

/**
 * The files of a path, a folder or a pattern, in the order of their names.
 *
 * @throws FlError("failed-precondition") where there is none; FlError("invalid-argument") for a bucket, whose
 *   data would leave it
 */
export async function ownersFiles(path: string, cwd: string): Promise<readonly DataFile[]> {
  return listFiles(localAddress(path, cwd), LOCAL_ONLY);
}

/** @throws FlError("invalid-argument") for an address that is not on this machine */
export function localAddress(path: string, cwd: string): string {
  const address = dataAddress(path, cwd);
  if (address.startsWith("file://")) return address;
  throw new FlError(
    "invalid-argument",
    `${path} lies in a bucket, and this command reads files of this machine: copy some of it here (gcloud storage cp), where that is allowed.`,
  );
}
