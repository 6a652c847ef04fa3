"""What Keras makes of the shape of a sample, or that it refuses it, layer by layer: writes shapes.json beside it.

    python test/vectors/keras/shapes.py        (Keras 3.15 on TensorFlow 2.21)

An entry is a class, its options and, for each list of inputs (shapes of one sample, null for any size), the shape of one sample
that comes out; null where Keras refuses it, by the shapes or, where all are known, when it computes a batch of zeros.
"""

import itertools
import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402

ANY = None
SHAPES = [
    [], [4], [ANY], [4, 3], [ANY, 3], [4, ANY], [4, 3, 2], [6, 6, 3], [ANY, ANY, 2], [6, 6, 4, 2],
]
PAIRS = [list(pair) for pair in itertools.product([[], [4], [1], [3], [4, 3], [3, 4], [1, 3], [4, 3, 2], [ANY, 3]], repeat=2)]


def layer(class_name, **config):
    return {"module": "keras.layers", "class_name": class_name, "config": config, "registered_name": None}


def windows(class_name, rank, **config):
    for padding in ("valid", "same"):
        yield class_name, {**config, "kernel_size": [3] * rank, "padding": padding}
        yield class_name, {**config, "kernel_size": [2] * rank, "strides": [2] * rank, "padding": padding}
    yield class_name, {**config, "kernel_size": [5] * rank}


def pools(class_name, rank):
    for padding in ("valid", "same"):
        yield class_name, {"pool_size": [2] * rank, "padding": padding}
        yield class_name, {"pool_size": [3] * rank, "strides": [1] * rank, "padding": padding}
        yield class_name, {"pool_size": [5] * rank, "padding": padding}


ONE = [
    ("Dense", {"units": 2}),
    ("Flatten", {}),
    *[("Reshape", {"target_shape": target}) for target in
      ([4], [2, 2], [-1], [2, -1], [3, -1], [-1, 2], [5], [12], [3, 4], [5, -1], [], [6, 18], [-1, -1])],
    *[("Permute", {"dims": dims}) for dims in ([1], [2, 1], [1, 2], [3, 1, 2])],
    ("RepeatVector", {"n": 3}),
    ("Masking", {}),
    ("Embedding", {"input_dim": 5, "output_dim": 2}),
    ("Dropout", {"rate": 0.5}),
    ("AlphaDropout", {"rate": 0.5}),
    ("GaussianDropout", {"rate": 0.5}),
    ("SpatialDropout1D", {"rate": 0.5}),
    ("GaussianNoise", {"stddev": 0.5}),
    ("Rescaling", {"scale": 0.5, "offset": 0.0}),
    ("Activation", {"activation": "relu"}),
    ("Activation", {"activation": "softmax"}),
    ("ReLU", {}),
    ("LeakyReLU", {}),
    ("ELU", {}),
    ("Softmax", {}),
    *[("PReLU", config) for config in ({}, {"shared_axes": [1]}, {"shared_axes": [1, 2]})],
    *windows("Conv1D", 1, filters=2),
    *windows("Conv2D", 2, filters=2),
    *windows("Conv3D", 3, filters=2),
    *windows("Conv2DTranspose", 2, filters=2),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": [2, 2], "strides": [3, 3]}),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": [3, 3], "strides": [2, 2], "padding": "same"}),
    *windows("SeparableConv2D", 2, filters=2),
    *windows("DepthwiseConv2D", 2),
    ("DepthwiseConv2D", {"kernel_size": [2, 2], "depth_multiplier": 3}),
    *[case for rank in (1, 2, 3) for kind in ("Max", "Average") for case in pools(f"{kind}Pooling{rank}D", rank)],
    *[(f"Global{kind}Pooling{rank}D", {}) for rank in (1, 2) for kind in ("Max", "Average")],
    ("UpSampling2D", {"size": [2, 3]}),
    *[("ZeroPadding2D", {"padding": padding}) for padding in (1, [1, 2], [[1, 0], [0, 2]])],
    *[("Cropping2D", {"cropping": cropping}) for cropping in (1, [0, 1], [[1, 0], [0, 2]], 2, 3, [[4, 4], [0, 0]])],
    *[("BatchNormalization", {"axis": axis}) for axis in (-1, 1, 2, 3)],
    *[("LayerNormalization", {"axis": axis}) for axis in (-1, 1, 2, [1, 2])],
    *[(name, {"units": 2, "return_sequences": sequences, **({"reset_after": False} if name == "GRU" else {})})
      for name in ("SimpleRNN", "LSTM", "GRU") for sequences in (False, True)],
    *[("Bidirectional", {"merge_mode": mode, "layer": layer("LSTM", units=2, return_sequences=sequences)})
      for mode in ("concat", "sum") for sequences in (False, True)],
    *[("TimeDistributed", {"layer": inner}) for inner in (
        layer("Dense", units=2), layer("Flatten"), layer("Activation", activation="relu"),
        layer("Reshape", target_shape=[2, 3]), layer("Reshape", target_shape=[-1]),
        layer("Conv2D", filters=2, kernel_size=[2, 2]), layer("MaxPooling2D"), layer("GlobalAveragePooling2D"))],
]
SEVERAL = [
    *[(name, {}) for name in ("Add", "Multiply", "Average", "Maximum", "Minimum")],
    *[("Concatenate", {"axis": axis}) for axis in (-1, 1, 2, 3)],
    *[("Dot", {"axes": axes}) for axes in (-1, 1, 2, [1, 2], [2, 1])],
]


def output_of(class_name, config, inputs):
    try:
        made = keras.layers.deserialize(layer(class_name, **config))
        tensors = [keras.Input(tuple(shape)) for shape in inputs]
        output = made(tensors if len(tensors) > 1 else tensors[0])
        shape = list(output.shape[1:])
        if all(ANY not in shape for shape in inputs):
            zeros = [keras.ops.zeros((2, *shape)) for shape in inputs]
            computed = made(zeros if len(zeros) > 1 else zeros[0])
            if list(computed.shape[1:]) != shape or 0 in shape:
                return None
        return shape
    except Exception:  # Whatever it says, and as whatever it says it: Keras does not take these shapes.
        return None


def entry(class_name, config, lists):
    return {
        "className": class_name,
        "config": config,
        "shapes": [[inputs, output_of(class_name, config, inputs)] for inputs in lists],
    }


def plain(value):
    """Without what says where a class comes from."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if key not in ("module", "registered_name")}
    return value


# Of the layer in a TimeDistributed Keras looks at no shape before it computes.
entries = [
    entry(name, config, [[shape] for shape in SHAPES if name != "TimeDistributed" or ANY not in shape])
    for name, config in ONE
]
# Of scalars Keras joins the batches.
entries += [
    entry(name, config, [pair for pair in PAIRS if name != "Concatenate" or [] not in pair])
    for name, config in SEVERAL
]
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "shapes.json")
with open(path, "w") as file:
    file.write("[\n" + ",\n".join(json.dumps({**e, "config": plain(e["config"])}, separators=(",", ":")) for e in entries) + "\n]\n")
print(sum(len(e["shapes"]) for e in entries), "cases")
