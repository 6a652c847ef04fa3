// What a project begins with: the documents of the repository's examples, or the smallest spec that there is.
import imagesFeatures from "../../../examples/images/features.json" with { type: "json" };
import imagesFederation from "../../../examples/images/federation.json" with { type: "json" };
import imagesModel from "../../../examples/images/model.json" with { type: "json" };
import imagesSpec from "../../../examples/images/spec.json" with { type: "json" };
import tabularFeatures from "../../../examples/tabular/damage/features.json" with { type: "json" };
import tabularFederation from "../../../examples/tabular/damage/federation.json" with { type: "json" };
import tabularModel from "../../../examples/tabular/damage/model.json" with { type: "json" };
import tabularSpec from "../../../examples/tabular/damage/spec.json" with { type: "json" };
import textFeatures from "../../../examples/text/features.json" with { type: "json" };
import textFederation from "../../../examples/text/federation.json" with { type: "json" };
import textModel from "../../../examples/text/model.json" with { type: "json" };
import textSpec from "../../../examples/text/spec.json" with { type: "json" };
import type { TemplateName } from "./names.ts";

export interface Template {
  /** Of the run; without its model where there is a `model` beside it. */
  readonly spec: object;
  /** The JSON of a Keras model. */
  readonly model?: object;
  /** Absent: data are arrays named x and y. */
  readonly features?: object;
  readonly federation: Federation;
}

/** A federation's file, with paths from its folder. */
export interface Federation {
  readonly clients: string;
  readonly test: string;
  readonly features?: string;
  readonly model?: string;
  readonly spec: string;
}

export const TEMPLATES: Readonly<Record<TemplateName, Template>> = {
  images: {
    spec: imagesSpec,
    model: imagesModel,
    features: imagesFeatures,
    federation: onItsOwn(imagesFederation),
  },
  tabular: {
    spec: tabularSpec,
    model: tabularModel,
    features: tabularFeatures,
    federation: onItsOwn(tabularFederation),
  },
  text: { spec: textSpec, model: textModel, features: textFeatures, federation: onItsOwn(textFederation) },
  blank: {
    spec: {
      name: "blank",
      model: { inputShape: [4], layers: [{ type: "Dense", units: 3, activation: "softmax" }] },
      selection: { strategy: "random", cohortSize: 2 },
    },
    federation: {
      clients: "data/clients/{clientId}.safetensors",
      test: "data/test.safetensors",
      spec: "spec.json",
    },
  },
};

/** An example's data may lie beside its folder, and a script makes them; a project has its own. */
function onItsOwn({ prepare: _, ...paths }: Federation & { readonly prepare: string }): Federation {
  const within = (path: string) => path.replace(/^(\.\.\/)+/, "");
  return { ...paths, clients: within(paths.clients), test: within(paths.test) };
}
