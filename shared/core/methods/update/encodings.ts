// The encodings by the names that specs give them.
import type * as z from "zod";
import { updateFaces, type updateOptions } from "../registry/updateFaces.ts";

/** A method whose options have the key `encoding` is one. */
export type EncodingName = Extract<z.infer<(typeof updateOptions)[number]>, { encoding: string }>["encoding"];

export const encodingNames: readonly EncodingName[] = updateFaces.flatMap(({ options }) =>
  "shape" in options && "encoding" in options.shape ? [options.shape.encoding.value] : [],
);
