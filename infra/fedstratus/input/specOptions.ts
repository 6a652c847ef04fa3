// The options of the commands that take a spec.
import { arg, opt } from "../frame/values.ts";

export const specArg = arg.file("<spec>", "a file with the run's spec, JSON or YAML; - for standard input");

export const specOptions = {
  set: opt.many("--set <path=value>", "change the spec: stop.rounds=5"),
  model: opt.text(
    "--model <file>",
    "the model, such as a Keras model's JSON, of a spec that has none",
    "file",
  ),
};

export const weightsOption = opt.text(
  "--weights <file>",
  "a safetensors file that training begins with; it is uploaded",
  "file",
);

export const keyOption = opt.text(
  "--key <key>",
  "an Idempotency-Key: the same call with the same key has no further effect",
);
