"""What Keras computes with every layer, option and loss that a run's topology may name: writes layers.json beside it.

    python test/vectors/keras/layers.py        (Keras 3.15 on TensorFlow 2.21)

A case holds the topology as Keras writes it, the model's output before training, and output and weights after three steps of
SGD on one batch. Inputs, labels and the weights to begin with are waves that both sides compute: see wave().
"""

import json
import math
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import layers as L  # noqa: E402
from keras import regularizers as R  # noqa: E402

LEARNING_RATE = 0.1
SAMPLES = 3


def wave(shape, phase):
    """0.6 sin(1.3 k + phase) for value k, rounded to 32 bits."""
    count = math.prod(shape)
    return np.array([0.6 * math.sin(1.3 * k + phase) for k in range(count)], np.float32).reshape(shape)


def initial(name, shape, place):
    values = wave(shape, place + 0.9)
    return np.abs(values) + np.float32(0.5) if name.endswith("moving_variance") else values


def names_of(layer):
    """The names that FedStratus has for a layer's weights, in Keras' order."""
    if isinstance(layer, keras.Model):
        for inner in layer.layers:
            yield from names_of(inner)
        return
    for variable in layer.weights:
        own = variable.name.split("/")[-1]
        if isinstance(layer, L.DepthwiseConv2D) and own == "kernel":
            own = "depthwise_kernel"
        scope = layer.name
        if isinstance(layer, L.Bidirectional):
            way = "forward" if any(variable is w for w in layer.forward_layer.weights) else "backward"
            inner = layer.get_config()["layer"]["config"]["name"]
            scope = f"{layer.name}/{way}_{inner}"
        yield f"{scope}/{own}", variable


def sparse(value):
    """Without what says nothing here: where a class comes from, options that are null, how weights would begin."""
    if isinstance(value, dict):
        skipped = ("module", "registered_name", "build_config", "shared_object_id", "compile_config")
        kept = {k: sparse(v) for k, v in value.items() 
                if k not in skipped and v is not None and not k.endswith("_initializer")}
        return "float32" if kept.get("class_name") == "DTypePolicy" else kept
    return [sparse(v) for v in value] if isinstance(value, list) else value


def rounded(array):
    return [float(f"{v:.7g}") for v in np.asarray(array, np.float64).ravel()]


def case(name, model, loss="mean_squared_error", x=None, full=False):
    # Sorted by name, so that the phases do not depend on the order of either side.
    weights = sorted(((n, v) for layer in model.layers for n, v in names_of(layer)), key=lambda pair: pair[0])
    for place, (own, variable) in enumerate(weights):
        variable.assign(initial(own, tuple(variable.shape), place))
    shape = (SAMPLES, *model.inputs[0].shape[1:])
    inputs = wave(shape, 0.2) if x is None else np.array(x, np.float32)
    out = (SAMPLES, *model.outputs[0].shape[1:])
    count = math.prod(out)
    if loss == "sparse_categorical_crossentropy":
        labels = (np.arange(count // out[-1]) % out[-1]).reshape(out[:-1])
    elif loss == "categorical_crossentropy":
        labels = np.eye(out[-1])[np.arange(count // out[-1]) % out[-1]].reshape(out)
    elif loss == "binary_crossentropy":
        labels = (np.arange(count) % 2).reshape(out)
    else:
        labels = wave(out, 0.4)
    model.compile(optimizer=keras.optimizers.SGD(LEARNING_RATE), loss=loss, run_eagerly=True)
    before = model.predict_on_batch(inputs)
    for _ in range(3):
        model.train_on_batch(inputs, labels)
    after = model.predict_on_batch(inputs)
    written = json.loads(model.to_json())
    topology = written if full else sparse(written)
    found = {
        "name": name,
        "loss": loss,
        "topology": topology,
        "before": rounded(before),
        "after": rounded(after),
        "weights": {n: {"shape": list(v.shape), "values": rounded(v.numpy())} for n, v in weights},
    }
    if x is not None:
        found["x"] = {"shape": list(inputs.shape), "values": rounded(inputs)}
    return found


def chain(*layers, shape, **options):
    return lambda name: case(name, keras.Sequential([L.Input(shape), *layers]), **options)


def behind(layer, shape, units=None, **options):
    """A dense layer before it: gradients pass through the layer under test."""
    units = units or shape[-1]
    return chain(L.Dense(units, name="before"), layer, shape=shape, **options)


cases = {}


def add(name, make, shape, units=None, freeze=False, **options):
    """A layer behind a dense one; frozen as well, where it has weights."""
    cases[name] = behind(make(), shape, units, **options)
    if freeze:
        layer = make()
        layer.trainable = False
        cases[f"{name}, frozen"] = behind(layer, shape, units, **options)


image, line, row, volume = (4, 5, 2), (5, 3), (4,), (3, 4, 3, 2)

# Core
for activation in ["elu", "selu", "relu", "relu6", "linear", "sigmoid", "softplus", "softsign", "tanh", "softmax", "log_softmax",
                   "gelu", "silu", "swish", "mish", "exponential", "hard_sigmoid", "leaky_relu"]:
    add(f"Dense, {activation}", lambda a=activation: L.Dense(3, activation=a, name="d"), row)
add("Dense", lambda: L.Dense(3, name="d"), row, freeze=True)
add("Dense without a bias", lambda: L.Dense(3, use_bias=False, name="d"), row, freeze=True)
add("Dense on a sequence", lambda: L.Dense(2, name="d"), line, freeze=True)
add("Activation", lambda: L.Activation("tanh", name="a"), row)
add("Flatten", lambda: L.Flatten(name="f"), line)
add("Reshape", lambda: L.Reshape((-1, 5), name="r"), line)
add("Permute", lambda: L.Permute((2, 1), name="p"), line)
add("RepeatVector", lambda: L.RepeatVector(2, name="r"), row)
add("Dropout of nothing", lambda: L.Dropout(0.0, name="d"), row)
add("SpatialDropout1D of nothing", lambda: L.SpatialDropout1D(0.0, name="d"), line)
add("GaussianNoise of nothing", lambda: L.GaussianNoise(0.0, name="d"), row)
add("Rescaling", lambda: L.Rescaling(0.5, offset=0.25, name="r"), row)
tokens = [[1, 2, 0, 4], [0, 3, 3, 1], [2, 0, 0, 0]]
for frozen in (False, True):
    say = ", frozen" if frozen else ""
    cases[f"Embedding{say}"] = chain(
        L.Embedding(5, 3, name="e", trainable=not frozen), L.Dense(2, name="d"), shape=(4,), x=tokens)
    cases[f"Embedding with an L2 regularizer{say}"] = chain(
        L.Embedding(5, 3, embeddings_regularizer="l2", name="e", trainable=not frozen), L.Dense(2, name="d"), shape=(4,), x=tokens)

# Regularizers
for title, regularizer in [("L1", R.L1(0.05)), ("L2", R.L2(0.1)), ("L1L2", R.L1L2(0.02, 0.03)), ("l2 by its name", "l2"),
                           ("l1 by its name", "l1"), ("l1l2 by its name", "l1l2")]:
    add(f"Dense, {title}", lambda r=regularizer: L.Dense(3, kernel_regularizer=r, bias_regularizer=r, name="d"), row, freeze=True)
add("Conv2D, L2", lambda: L.Conv2D(2, 2, kernel_regularizer=R.L2(0.1), bias_regularizer=R.L1(0.1), name="c"), image)
add("LSTM, L2", lambda: L.LSTM(2, kernel_regularizer=R.L2(0.1), recurrent_regularizer=R.L2(0.1),
                               bias_regularizer=R.L2(0.1), name="l"), line)
add("BatchNormalization, L2", lambda: L.BatchNormalization(gamma_regularizer=R.L2(0.1), beta_regularizer=R.L2(0.1), name="b"), row)

# Convolutions
add("Conv1D", lambda: L.Conv1D(2, 3, activation="relu", name="c"), line, freeze=True)
for padding in ["same", "causal"]:
    add(f"Conv1D, {padding}", lambda p=padding: L.Conv1D(2, 3, padding=p, name="c"), line)
add("Conv1D, strides", lambda: L.Conv1D(2, 2, strides=2, padding="same", name="c"), line)
add("Conv1D, dilation", lambda: L.Conv1D(2, 2, dilation_rate=2, name="c"), line)
add("Conv1D, dilation, causal", lambda: L.Conv1D(2, 2, dilation_rate=2, padding="causal", name="c"), line)
add("Conv2D", lambda: L.Conv2D(3, 3, name="c"), image, freeze=True)
add("Conv2D, same", lambda: L.Conv2D(2, (3, 2), padding="same", activation="tanh", name="c"), image)
add("Conv2D, strides", lambda: L.Conv2D(2, 2, strides=(2, 2), padding="same", use_bias=False, name="c"), image)
add("Conv2D, unequal strides", lambda: L.Conv2D(2, 2, strides=(1, 2), name="c"), image)
add("Conv2D, dilation", lambda: L.Conv2D(2, 2, dilation_rate=2, name="c"), image)
add("Conv2D, dilation, same", lambda: L.Conv2D(2, 2, dilation_rate=2, padding="same", name="c"), image)
add("Conv2D, groups", lambda: L.Conv2D(2, 2, groups=2, name="c"), image)
add("Conv3D", lambda: L.Conv3D(2, 2, name="c"), volume, freeze=True)
add("Conv3D, same, strides", lambda: L.Conv3D(2, 2, strides=2, padding="same", name="c"), volume)
for padding in ["valid", "same"]:
    for strides in [1, 2]:
        add(f"Conv2DTranspose, {padding}, strides {strides}",
            lambda p=padding, s=strides: L.Conv2DTranspose(2, 3, strides=s, padding=p, name="c"), (3, 2, 2), freeze=strides == 2)
add("Conv2DTranspose, small window", lambda: L.Conv2DTranspose(2, 2, strides=3, name="c"), (2, 2, 2))
add("Conv3DTranspose", lambda: L.Conv3DTranspose(2, 2, strides=2, name="c"), (2, 2, 2, 2), freeze=True)
for padding in ["valid", "same"]:
    add(f"SeparableConv2D, {padding}",
        lambda p=padding: L.SeparableConv2D(3, 2, depth_multiplier=2, padding=p, activation="relu", name="c"), image, freeze=True)
    add(f"DepthwiseConv2D, {padding}", lambda p=padding: L.DepthwiseConv2D(2, depth_multiplier=2, padding=p, name="c"), image, freeze=True)
add("SeparableConv2D, strides", lambda: L.SeparableConv2D(3, 2, strides=2, padding="same", name="c"), image)
add("SeparableConv2D, dilation", lambda: L.SeparableConv2D(3, 2, dilation_rate=2, name="c"), image)
add("SeparableConv2D, regularizers", lambda: L.SeparableConv2D(
    3, 2, depthwise_regularizer=R.L2(0.1), pointwise_regularizer=R.L2(0.1), use_bias=False, name="c"), image)
add("DepthwiseConv2D, strides", lambda: L.DepthwiseConv2D(2, strides=2, padding="same", use_bias=False, name="c"), image)
add("DepthwiseConv2D, dilation", lambda: L.DepthwiseConv2D(2, dilation_rate=2, name="c"), image)

# Pooling and resizing
for padding in ["valid", "same"]:
    for kind in ["MaxPooling", "AveragePooling"]:
        for rank, shape in [(1, line), (2, image), (3, volume)]:
            pool = getattr(L, f"{kind}{rank}D")
            add(f"{kind}{rank}D, {padding}", lambda c=pool, p=padding: c(2, padding=p, name="p"), shape)
        add(f"{kind}2D, {padding}, strides", lambda k=kind, p=padding: getattr(L, f"{k}2D")((3, 2), strides=(1, 2), padding=p, name="p"), image)
for kind in ["GlobalMaxPooling", "GlobalAveragePooling"]:
    for rank, shape in [(1, line), (2, image)]:
        add(f"{kind}{rank}D", lambda k=kind, r=rank: getattr(L, f"{k}{r}D")(name="g"), shape)
    add(f"{kind}2D, keepdims", lambda k=kind: getattr(L, f"{k}2D")(keepdims=True, name="g"), image)
add("UpSampling2D", lambda: L.UpSampling2D((2, 3), name="u"), image)
add("UpSampling2D, bilinear", lambda: L.UpSampling2D(2, interpolation="bilinear", name="u"), image)
add("ZeroPadding2D", lambda: L.ZeroPadding2D(((1, 2), (0, 1)), name="z"), image)
add("Cropping2D", lambda: L.Cropping2D(((1, 0), (2, 1)), name="z"), image)

# Normalisation
add("BatchNormalization", lambda: L.BatchNormalization(name="b"), row, freeze=True)
add("BatchNormalization, no scale", lambda: L.BatchNormalization(scale=False, name="b"), row, freeze=True)
add("BatchNormalization, no centre", lambda: L.BatchNormalization(center=False, momentum=0.5, name="b"), row, freeze=True)
add("BatchNormalization, neither", lambda: L.BatchNormalization(center=False, scale=False, epsilon=0.01, name="b"), row, freeze=True)
add("BatchNormalization of a sequence", lambda: L.BatchNormalization(momentum=0.9, name="b"), line, freeze=True)
add("BatchNormalization of images", lambda: L.BatchNormalization(name="b"), image, freeze=True)
add("BatchNormalization, axis 1", lambda: L.BatchNormalization(axis=1, name="b"), image, freeze=True)
add("LayerNormalization", lambda: L.LayerNormalization(name="n"), row, freeze=True)
add("LayerNormalization, no scale", lambda: L.LayerNormalization(scale=False, name="n"), line)
add("LayerNormalization, no centre", lambda: L.LayerNormalization(center=False, epsilon=0.1, name="n"), line)
add("LayerNormalization, two axes", lambda: L.LayerNormalization(axis=[1, 2], name="n"), line)
add("LayerNormalization, axis 1", lambda: L.LayerNormalization(axis=1, name="n"), line)
add("LayerNormalization of images", lambda: L.LayerNormalization(name="n"), image)

# Activations as layers
add("ReLU", lambda: L.ReLU(name="a"), row)
add("ReLU, max_value", lambda: L.ReLU(max_value=0.3, name="a"), row)
add("LeakyReLU", lambda: L.LeakyReLU(name="a"), row)
add("LeakyReLU, negative_slope", lambda: L.LeakyReLU(negative_slope=0.1, name="a"), row)
add("PReLU", lambda: L.PReLU(name="a"), row, freeze=True)
add("PReLU, shared axes", lambda: L.PReLU(shared_axes=[1, 2], alpha_regularizer=R.L2(0.1), name="a"), image, freeze=True)
add("ELU", lambda: L.ELU(alpha=0.5, name="a"), row)
add("Softmax", lambda: L.Softmax(name="a"), row)
add("Softmax, axis 1", lambda: L.Softmax(axis=1, name="a"), line)

# Recurrent
rnns = {"SimpleRNN": L.SimpleRNN, "LSTM": L.LSTM, "GRU": lambda *a, **o: L.GRU(*a, reset_after=False, **o)}
for title, rnn in rnns.items():
    add(title, lambda r=rnn: r(2, name="l"), line, freeze=True)
    add(f"{title}, sequences", lambda r=rnn: r(2, return_sequences=True, use_bias=False, name="l"), line, freeze=True)
    add(f"{title}, backwards", lambda r=rnn: r(2, go_backwards=True, name="l"), line)
    add(f"{title}, backwards, sequences", lambda r=rnn: r(2, go_backwards=True, return_sequences=True, name="l"), line)
    add(f"{title}, unrolled", lambda r=rnn: r(2, unroll=True, name="l"), line)
    add(f"{title}, relu", lambda r=rnn: r(2, activation="relu", name="l"), line)
    add(f"Bidirectional {title}", lambda r=rnn: L.Bidirectional(r(2, name="l"), name="b"), line, freeze=True)
    add(f"Bidirectional {title}, sequences", lambda r=rnn: L.Bidirectional(r(2, return_sequences=True, name="l"), name="b"), line, freeze=True)
for mode in ["sum", "mul", "ave"]:
    add(f"Bidirectional, {mode}", lambda m=mode: L.Bidirectional(L.LSTM(2, name="l"), merge_mode=m, name="b"), line)
add("Bidirectional, regularizers", lambda: L.Bidirectional(L.LSTM(2, kernel_regularizer=R.L2(0.1), name="l"), name="b"), line, freeze=True)
add("LSTM, recurrent activation", lambda: L.LSTM(2, recurrent_activation="tanh", name="l"), line)
add("GRU, reset after", lambda: L.GRU(2, reset_after=True, name="l"), line)
add("TimeDistributed Dense", lambda: L.TimeDistributed(L.Dense(2, activation="tanh", name="d"), name="t"), line, freeze=True)
add("TimeDistributed Dense, L2", lambda: L.TimeDistributed(L.Dense(2, kernel_regularizer=R.L2(0.1), name="d"), name="t"), line, freeze=True)
add("TimeDistributed Conv2D", lambda: L.TimeDistributed(L.Conv2D(2, 2, name="c"), name="t"), (2, 3, 3, 2), freeze=True)
add("TimeDistributed Flatten", lambda: L.TimeDistributed(L.Flatten(name="f"), name="t"), (2, 3, 2))
add("TimeDistributed MaxPooling2D", lambda: L.TimeDistributed(L.MaxPooling2D(2, name="p"), name="t"), (2, 4, 2, 2))

# Masks
masked = [[[1, 2, 3], [4, 5, 6], [0, 0, 0], [7, 8, 9]], [[0, 0, 0], [1, 1, 0], [2, 0, 1], [0, 0, 0]], [[1, 0, 1], [0, 1, 0], [1, 1, 1], [0, 0, 0]]]
masked = (np.array(masked) / 10).tolist()
for title, rnn in rnns.items():
    cases[f"Masking, {title}"] = chain(L.Masking(0.0, name="m"), rnn(2, name="l"), shape=(4, 3), x=masked)
    cases[f"Embedding that masks, {title}"] = chain(L.Embedding(5, 3, mask_zero=True, name="e"), rnn(2, name="l"), shape=(4,), x=tokens)
    cases[f"Embedding that masks, Bidirectional {title}"] = chain(
        L.Embedding(5, 3, mask_zero=True, name="e"), L.Bidirectional(rnn(2, name="l"), name="b"), shape=(4,), x=tokens)
    cases[f"Masking, two {title}"] = chain(
        L.Masking(0.0, name="m"), rnn(2, return_sequences=True, name="l"), rnn(2, name="l2"), shape=(4, 3), x=masked)


# Graphs
def graph(merge, shape=line, units=3):
    def make(name):
        x = L.Input(shape, name="x")
        a, b = L.Dense(units, name="left")(x), L.Dense(units, activation="tanh", name="right")(x)
        return case(name, keras.Model(x, merge([a, b]), name="g"))
    return make


for title in ["Add", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Subtract"]:
    cases[title] = graph(getattr(L, title)(name="m"))
cases["Concatenate, axis 1"] = graph(L.Concatenate(axis=1, name="m"))
cases["Dot"] = graph(L.Dot(axes=1, name="m"), row)
cases["Dot, normalized"] = graph(L.Dot(axes=1, normalize=True, name="m"), row)
cases["Dot of sequences"] = graph(L.Dot(axes=(2, 2), name="m"), line)


def shared(name):
    x = L.Input(row, name="x")
    dense = L.Dense(4, activation="tanh", name="twice")
    return case(name, keras.Model(x, L.Dense(2, name="out")(dense(dense(x))), name="g"))


def nested(name):
    inner = keras.Sequential(
        [L.Input(row), L.Dense(3, name="in_a"), L.BatchNormalization(name="in_b")], name="inner")
    return case(name, keras.Sequential([L.Input(row), inner, L.Dense(2, name="out")], name="outer"))


def branches(inner_input, units):
    """A functional model of two branches."""
    left = L.Dense(units, activation="tanh", name="left")(inner_input)
    return keras.Model(inner_input, L.Add(name="sum")([left, L.Dense(units, name="right")(inner_input)]), name="inner")


def nested_graph(name):
    return case(name, keras.Sequential([L.Input(row), branches(L.Input(row, name="y"), 3), L.Dense(2, name="out")], name="outer"))


def nested_in_graph(name):
    x = L.Input(row, name="x")
    inner = keras.Sequential([L.Input(row), L.Dense(4, activation="tanh", name="in_a")], name="inner")
    return case(name, keras.Model(x, L.Dense(2, name="out")(L.Add(name="sum")([x, inner(x)])), name="g"))


def nested_twice(name):
    x = L.Input(row, name="x")
    inner = branches(L.Input(row, name="y"), 4)
    return case(name, keras.Model(x, L.Dense(2, name="out")(inner(inner(x))), name="g"))


def nested_frozen(name):
    inner = keras.Sequential(
        [L.Input(row), L.Dense(3, name="in_a"), L.BatchNormalization(name="in_b")], name="inner")
    inner.trainable = False
    return case(name, keras.Sequential([L.Input(row), L.Dense(4, name="before"), inner, L.Dense(2, name="out")], name="outer"))


def shared_by_branches(name):
    x = L.Input(line, name="x")
    dense = L.Dense(3, kernel_regularizer="l2", name="twice")
    left, right = dense(L.Dense(3, activation="tanh", name="left")(x)), dense(x)
    return case(name, keras.Model(x, L.Concatenate(name="both")([left, right]), name="g"))


def residual_images(name):
    x = L.Input(image, name="x")
    y = L.Conv2D(3, 3, padding="same", name="block1_conv")(x)
    y = L.ReLU(name="block1_relu")(L.BatchNormalization(name="block1_norm")(y))
    skip = L.Conv2D(3, 1, name="block1_skip")(x)
    pooled = L.GlobalAveragePooling2D(name="pool")(L.Add(name="sum")([y, skip]))
    return case(name, keras.Model(x, L.Dense(2, name="dense")(pooled), name="g"))


def residual(name):
    x = L.Input(row, name="x")
    y = L.Dense(4, activation="relu", kernel_regularizer="l2", name="block1_dense")(x)
    y = L.BatchNormalization(name="block1_norm")(y)
    return case(name, keras.Model(x, L.Dense(2, name="dense")(L.Add(name="sum")([x, y])), name="g"), full=True)


cases["A layer used twice"] = shared
cases["A layer shared by two branches"] = shared_by_branches
cases["A model within a model"] = nested
cases["A model within a model, frozen"] = nested_frozen
cases["A graph within a chain"] = nested_graph
cases["A chain within a graph"] = nested_in_graph
cases["A model used twice"] = nested_twice
cases["A residual block, as Keras writes it in full"] = residual
cases["A residual block of images"] = residual_images

# Losses
cases["categorical cross-entropy"] = chain(L.Dense(3, activation="softmax", name="d"), shape=row, loss="categorical_crossentropy")
cases["sparse categorical cross-entropy"] = chain(L.Dense(3, activation="softmax", name="d"), shape=row, loss="sparse_categorical_crossentropy")
cases["sparse categorical cross-entropy of a sequence"] = chain(
    L.Dense(2, activation="softmax", name="d"), shape=line, loss="sparse_categorical_crossentropy")
cases["sparse categorical cross-entropy, Softmax"] = chain(L.Dense(3, name="d"), L.Softmax(name="s"), shape=row, loss="sparse_categorical_crossentropy")
cases["sparse categorical cross-entropy, Activation"] = chain(
    L.Dense(3, name="d"), L.Activation("softmax", name="s"), shape=row, loss="sparse_categorical_crossentropy")
cases["binary cross-entropy"] = chain(L.Dense(1, activation="sigmoid", name="d"), shape=row, loss="binary_crossentropy")
cases["binary cross-entropy of three"] = chain(L.Dense(3, activation="sigmoid", name="d"), shape=row, loss="binary_crossentropy")



def ends_in(inner_last, loss, graph=False):
    """A chain, or a graph, whose last layer is a model of its own that ends in what the loss looks at."""
    def make(name):
        if graph:
            y = L.Input(row, name="y")
            inner = keras.Model(y, inner_last(L.Dense(4, activation="tanh", name="in_a")(y)), name="inner")
            x = L.Input(row, name="x")
            return case(name, keras.Model(x, inner(L.Dense(row[0], name="before")(x)), name="g"), loss=loss)
        inner = keras.Sequential([L.Input((4,)), inner_last], name="inner")
        return case(name, keras.Sequential([L.Input(row), L.Dense(4, name="before"), inner], name="outer"), loss=loss)
    return make


for title, graphs in [("chain", False), ("graph", True)]:
    softmax, sigmoid = L.Dense(3, activation="softmax", name="d"), L.Dense(2, activation="sigmoid", name="d")
    cases[f"A model at the end of a {title}, sparse categorical cross-entropy"] = ends_in(softmax, "sparse_categorical_crossentropy", graphs)
    cases[f"A model at the end of a {title}, categorical cross-entropy"] = ends_in(
        L.Dense(3, activation="softmax", name="d"), "categorical_crossentropy", graphs)
    cases[f"A model at the end of a {title}, binary cross-entropy"] = ends_in(sigmoid, "binary_crossentropy", graphs)



def twice_at_the_end(name):
    x = L.Input(row, name="x")
    inner = branches(L.Input(row, name="y"), 4)
    return case(name, keras.Model(x, inner(inner(x)), name="g"))


def chain_at_the_end(name):
    x = L.Input(row, name="x")
    inner = keras.Sequential([L.Input(row), L.Dense(4, activation="tanh", name="in_a")], name="inner")
    return case(name, keras.Model(x, inner(inner(x)), name="g"))


cases["A graph used twice at the end of a graph"] = twice_at_the_end
cases["A chain used twice at the end of a graph"] = chain_at_the_end

if __name__ == "__main__":
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    found = []
    for name, make in cases.items():
        if only in name:
            found.append(make(name))
    folder = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(folder, "layers.json"), "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in found) + "\n]\n")
