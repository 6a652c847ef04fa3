// What a run trains: a built-in model by name, any tfjs layers model, or parameters alone; and the shapes
// that every update must have.
import * as z from "zod";
import { ModelVersion, RunId } from "./ids.ts";

/** The built-in models; shared/core/models has one of each name. */
export const builtinNames = ["mnist-cnn", "tiny-mlp"] as const;
export type BuiltinName = (typeof builtinNames)[number];

/** A tensor of the model by name, in the order of the model's weights. A scalar has the shape []. */
export const Parameter = z.strictObject({
  name: z.string().min(1).max(500).describe("Of the tensor."),
  shape: z.array(z.number().int().min(0)).max(8).describe("The size on each axis; [] for a scalar."),
  role: z
    .enum(["trained", "statistic", "frozen"])
    .optional()
    .describe(
      "What an update holds of it. trained (where absent): how far training moved it. statistic: its value after training. " +
        "frozen: nothing.",
    ),
  min: z.number().optional().describe("The smallest value that a statistic can have."),
  local: z
    .literal(true)
    .optional()
    .describe("Whether each client keeps one of its own: an update holds nothing of it, whatever its role."),
});
export type Parameter = z.infer<typeof Parameter>;

/**
 * The topology half of a tfjs `model.json` (Keras layers format). Checked in full when the run is prepared.
 */
export const LayersTopology = z
  .looseObject({ model_config: z.looseObject({ class_name: z.string() }) })
  .meta({ description: "`modelTopology` of a tfjs layers model.json, without weights." });
export type LayersTopology = z.infer<typeof LayersTopology>;

/**
 * A layers model as tools write it: Keras converters nest the topology in `model_config`, tfjs itself does
 * not.
 */
const WrittenTopology = z.union([
  LayersTopology,
  z
    .looseObject({ class_name: z.string(), config: z.unknown() })
    .transform((model): LayersTopology => ({ model_config: model })),
]);

/** The contents of a `model.json`, or the `modelTopology` in it. */
const LayersModelJson = z
  .union([
    z.looseObject({ modelTopology: WrittenTopology }).transform(({ modelTopology }) => modelTopology),
    WrittenTopology,
  ])
  .meta({
    description:
      "Instead of `builtin`: the contents of the model.json of a TensorFlow.js layers model, or a Keras model's JSON. Weights in it are ignored: see `model.weights`.",
  });

/** A layer by its Keras class, alone or with options by their Keras names, in snake or camel case. */
export const ShortLayer = z.union([z.string().min(1), z.looseObject({ type: z.string().min(1) })]);
export type ShortLayer = z.infer<typeof ShortLayer>;

/** A chain of layers written by hand. */
const ShortModel = z.strictObject({
  inputShape: z
    .array(z.number().int().min(1).nullable())
    .max(7)
    .describe("The shape of one sample, without the batch; null for any size. `layers` is a list then."),
  layers: z
    .array(ShortLayer)
    .min(1)
    .max(2_000)
    .describe("A chain of layers, each a Keras class or an object of its `type` and options."),
});

export const UploadId = z
  .string()
  .regex(/^[0-9a-f]{16}$/, "use the uploadId that POST /v1/uploads answers")
  .meta({ description: "Of a file that was uploaded by a link of `POST /v1/uploads`." });

const partial = z
  .boolean()
  .default(false)
  .describe(
    "Whether the weights may lack parameters, which are drawn from the seed then, and hold tensors of no parameter.",
  );

const UploadedWeights = z.strictObject({
  upload: UploadId.describe(
    "The `uploadId` of a safetensors file whose tensors have the names of the model's parameters, or Keras' paths of them.",
  ),
  partial,
});

/** A version of a run as people name it. */
export const VersionName = z.union([ModelVersion, z.enum(["latest", "best"])]);
export type VersionName = z.infer<typeof VersionName>;

const WeightsOfRun = z.strictObject({
  run: RunId.describe("Instead of `upload`: another run, of which this one begins with a version."),
  version: VersionName.default("latest").describe(
    "Which one: a number from 0, `latest`, or `best` by that run's metric. What is meant is settled when the run is created, and stays.",
  ),
  partial,
});
export type WeightsOfRun = z.infer<typeof WeightsOfRun>;

const GivenWeights = z
  .union([UploadedWeights, WeightsOfRun])
  .describe("What version 0 holds instead of values drawn from the seed.");
export type GivenWeights = z.infer<typeof GivenWeights>;
const weights = GivenWeights.optional();

/** A parameter as somebody names it: which ones clients keep for themselves is `training.local`'s to say. */
const NamedParameter = Parameter.omit({ local: true }).refine(
  ({ role, min }) => min === undefined || role === "statistic",
  { path: ["min"], message: 'is of statistics only: add "role": "statistic", or leave it out' },
);
export type NamedParameter = z.infer<typeof NamedParameter>;

/** Parameters and nothing of what is computed with them: clients of any framework train them. */
export const NamedModel = z.strictObject({
  parameters: z
    .array(NamedParameter)
    .min(1)
    .superRefine(checkNames)
    .optional()
    .describe(
      "Instead of a topology: the names and shapes of the model's parameters, in float32, for clients that train with a framework of their own. With `weights`, which is required then; where absent, they are those of its file, or of its run.",
    ),
  weights: GivenWeights.refine(({ partial }) => !partial, {
    path: ["partial"],
    message: "must be false without a topology: nothing says how the values that they lack would be drawn",
  }),
});
export type NamedModel = z.infer<typeof NamedModel>;

export const ModelChoice = z
  .union([
    z.strictObject({
      builtin: z
        .enum<readonly string[]>(builtinNames)
        .describe(
          "A built-in model: `mnist-cnn` (28×28 grey images, 10 classes, 582,026 parameters) or `tiny-mlp` (4 numbers, 3 classes). This or `layers` is required.",
        ),
      weights,
    }),
    z.strictObject({ layers: LayersModelJson, weights }),
    ShortModel.extend({ weights }),
    NamedModel,
  ])
  .meta({ id: "ModelChoice" });
export type ModelChoice = z.infer<typeof ModelChoice>;

/** Whether a run of this model has a topology, so that this repository's own functions can compute with it. */
export function hasTopology(model: ModelChoice): model is Exclude<ModelChoice, NamedModel> {
  return "builtin" in model || "layers" in model;
}

/** The same of a model as it is given or as a run's document keeps it. */
export function hasLayers(model: object): boolean {
  return "builtin" in model || "layers" in model || "object" in model;
}

/** The prepared model of a run: known once the initial weights exist. */
export const ModelInfo = z.strictObject({
  parameters: z.array(Parameter).min(1),
  parameterCount: z.number().int().min(1),
  sizeBytes: z.number().int().min(1).describe("Bytes of the weights as 32-bit floats."),
});
export type ModelInfo = z.infer<typeof ModelInfo>;

function checkNames(
  parameters: readonly NamedParameter[],
  { addIssue }: { addIssue(issue: { code: "custom"; path: (string | number)[]; message: string }): void },
): void {
  const names = new Set<string>();
  for (const [i, { name }] of parameters.entries()) {
    if (names.has(name))
      addIssue({ code: "custom", path: [i, "name"], message: "is the name of another one, too" });
    names.add(name);
  }
  if (parameters.length > 0 && parameters.every(({ role = "trained" }) => role !== "trained")) {
    addIssue({ code: "custom", path: [], message: "none of them is trained: one at least must be" });
  }
}
