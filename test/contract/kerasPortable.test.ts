// Layers, options and losses on WebAssembly, against Keras.
import { loadTensors } from "../../shared/cloud/tensors/loadTensors.ts";
import { intakeContract } from "./intakeContract.ts";
import { kerasContract, writtenContract } from "./kerasContract.ts";
import { kerasScoresContract } from "./kerasScoresContract.ts";
import { kerasTrainingContract } from "./kerasTrainingContract.ts";

/** Layers whose gradients WebAssembly has no kernel for: training them ends with a reason that names it. */
const lacking = [/^Embedding/, /^Conv3D/, /SeparableConv2D/, /DepthwiseConv2D/, /^(Max|Average)Pooling/];

const load = () => loadTensors({ prefer: "portable" });
kerasContract(load, lacking);
writtenContract(load);
intakeContract(load);
kerasTrainingContract(load);
kerasScoresContract(load);
