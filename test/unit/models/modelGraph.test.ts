// Which recurrent layers of a model see a mask.
import { expect, test } from "vitest";
import { isPartlyMasked } from "../../../shared/core/models/modelGraph.ts";
import { shortTopology } from "../../../shared/core/models/shortLayers.ts";

const tokens = (maskZero: boolean) => ({ type: "Embedding", inputDim: 5, outputDim: 2, maskZero });
const lstm = { type: "LSTM", units: 2 };
const repeat = { type: "RepeatVector", n: 3 };
const partly = (...layers: Parameters<typeof shortTopology>[1]) =>
  isPartlyMasked(shortTopology([4], [...layers]));

test("a decoder behind a masked encoder sees none", () => {
  expect(partly(tokens(true), lstm, repeat, lstm)).toBe(true);
  expect(partly(tokens(true), lstm, repeat, { type: "Bidirectional", layer: lstm })).toBe(true);
});

test("where all see one, or there is none, none is left out", () => {
  expect(partly(tokens(true), lstm)).toBe(false);
  expect(partly(tokens(true), { ...lstm, returnSequences: true }, lstm)).toBe(false);
  expect(partly(tokens(false), lstm, repeat, lstm)).toBe(false);
});
