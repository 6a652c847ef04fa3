// Weights by their Keras names: which parameter of a run each of them is.
import { describe, expect, test } from "vitest";
import { matchNames } from "../../../shared/core/models/kerasNames.ts";
import { shortTopology } from "../../../shared/core/models/shortLayers.ts";

const topology = shortTopology(
  [null, 3],
  [
    { type: "Bidirectional", layer: { type: "LSTM", units: 2, return_sequences: true } },
    { type: "TimeDistributed", layer: { type: "Dense", units: 2 } },
    { type: "Dense", units: 2 },
  ],
);
const own = ["bidirectional/forward_lstm/kernel", "time_distributed/kernel", "dense/kernel", "dense/bias"];

describe("names of weights", () => {
  test.each([
    ["of a run", own],
    [
      "of Keras 3",
      [
        "sequential/dense/bias",
        "sequential/dense/kernel",
        "sequential/time_distributed/dense/kernel",
        "sequential/bidirectional/forward_lstm/lstm_cell/kernel",
      ],
    ],
    [
      "of Keras 2",
      [
        "bidirectional/forward_lstm/lstm_cell_7/kernel:0",
        "time_distributed/dense/kernel:0",
        "dense/kernel:0",
        "dense/bias:0",
      ],
    ],
  ])("%s are found whatever their order", (_, names) => {
    const { found, missing, unknown } = matchNames(topology, own, names);
    expect([missing, unknown]).toEqual([[], []]);
    expect([...found.keys()].toSorted()).toEqual(own.toSorted());
    expect(found.get("time_distributed/kernel")).toContain("time_distributed/");
    expect(found.get("dense/kernel")).not.toContain("time_distributed/");
  });

  test("that lack, are too many, or are there twice are listed", () => {
    const names = ["dense/kernel", "model/dense/kernel", "optimizer/iteration", "ense/bias", "x.dense/bias"];
    const { missing, unknown } = matchNames(topology, ["dense/kernel", "dense/bias"], names);
    expect(missing).toEqual(["dense/bias"]);
    expect(unknown).toEqual(["model/dense/kernel", "optimizer/iteration", "ense/bias", "x.dense/bias"]);
  });

  test("of a depthwise kernel are Keras' or the run's", () => {
    const depthwise = shortTopology([4, 4, 1], [{ type: "DepthwiseConv2D", kernelSize: 2, name: "d" }]);
    for (const name of ["d/kernel", "d/depthwise_kernel", "m/d/kernel"]) {
      expect(matchNames(depthwise, ["d/depthwise_kernel"], [name]).found.get("d/depthwise_kernel")).toBe(
        name,
      );
    }
  });
});
