// The transforms that a spec may list, by the options that it gives them.
import * as z from "zod";
import { updateFaces, type updateOptions } from "../registry/updateFaces.ts";

/** A method whose options have the key `transform` is one. */
export type TransformOptions = Extract<z.infer<(typeof updateOptions)[number]>, { transform: string }>;

type TransformSchema = Extract<(typeof updateOptions)[number], { shape: { transform: z.ZodLiteral } }>;

const schemas = updateFaces.flatMap(({ options }): TransformSchema[] =>
  "shape" in options && "transform" in options.shape ? [options as TransformSchema] : [],
);
const [first, ...rest] = schemas;
if (first === undefined) throw new Error("There is no update transform.");

/** In the order in which clients apply them; the server applies its parts in the reverse order. */
export const UpdateTransforms = z
  .array(z.discriminatedUnion("transform", [first, ...rest]))
  .min(1)
  .superRefine((transforms, { addIssue }) => {
    for (const [index, { transform }] of transforms.entries()) {
      if (transforms.findIndex((other) => other.transform === transform) === index) continue;
      const message = `${transform} is listed twice: leave one of them out`;
      addIssue({ code: "custom", path: [index, "transform"], message });
    }
  });
