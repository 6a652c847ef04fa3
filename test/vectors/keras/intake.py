"""Whole models as Keras 3 writes them: writes intake.json beside it.

    python test/vectors/keras/intake.py        (Keras 3.15 on TensorFlow 2.21)

A case holds the text of `model.to_json()` as JSON, the weights by their Keras paths, and the output for a wave (see layers.py) or
for tokens. Names are those that Keras gives, because the names are what is tested.
"""

import json
import math
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import layers as L  # noqa: E402

SAMPLES = 2
cases = []


def wave(shape, phase):
    count = math.prod(shape)
    return np.array([0.6 * math.sin(1.3 * k + phase) for k in range(count)], np.float32).reshape(shape)


def rounded(array):
    return [float(f"{v:.7g}") for v in np.asarray(array, np.float64).ravel()]


def add(name, make, tokens=None):
    keras.backend.clear_session()
    model = make()
    for place, variable in enumerate(model.weights):
        values = wave(tuple(variable.shape), place + 0.9)
        variable.assign(np.abs(values) + np.float32(0.5) if "variance" in variable.path else values)
    x = wave((SAMPLES, *model.input_shape[1:]), 0.2) if tokens is None else np.array(tokens, np.float32)
    cases.append({
        "name": name,
        "json": json.loads(model.to_json()),
        "x": {"shape": list(x.shape), "values": rounded(x)},
        "output": rounded(model.predict_on_batch(x)),
        "weights": {v.path: {"shape": list(v.shape), "values": rounded(v.numpy())} for v in model.weights},
    })


def compiled():
    model = keras.Sequential([L.Input((4,)), L.Dense(3, activation="silu"), L.Dense(2, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def residual():
    x = L.Input((6, 6, 1))
    y = L.Conv2D(2, 3, padding="same", kernel_regularizer=keras.regularizers.L2(0.01), use_bias=False)(x)
    y = L.ReLU()(L.BatchNormalization()(y))
    return keras.Model(x, L.Dense(2, activation="softmax")(L.GlobalAveragePooling2D()(L.Add()([y, L.Conv2D(2, 1)(x)]))))


def nested():
    y = L.Input((4,))
    inner = keras.Model(y, L.Add()([L.Dense(4, activation="tanh")(y), y]))
    x = L.Input((4,))
    return keras.Model(x, L.Dense(2)(inner(inner(x))))


def chain_in_chain():
    inner = keras.Sequential([L.Input((4,)), L.Dense(3, activation="relu"), L.BatchNormalization()])
    return keras.Sequential([L.Input((4,)), inner, L.Dense(2)])


def operator():
    x = L.Input((4,))
    return keras.Model(x, L.Dense(2)(L.Dense(4, activation="tanh")(x) + x))


def images():
    return keras.Sequential([
        L.Input((8, 8, 1)), L.Rescaling(1 / 255), L.SeparableConv2D(3, 3, activation="relu"), L.DepthwiseConv2D(3),
        L.MaxPooling2D(), L.Flatten(), L.Dropout(0.3), L.Dense(2, kernel_initializer=keras.initializers.HeNormal(seed=3))])


def built_late():
    model = keras.Sequential([L.Dense(3, activation="elu"), L.Dense(2)])
    model.build((None, 4))
    return model


def graph(shape, through):
    def make():
        x = L.Input(shape)
        return keras.Model(x, through(x))
    return make


def hidden(x):
    return L.Dense(2)(L.LSTM(2)(L.Dropout(0.1)(L.Embedding(5, 3, mask_zero=True)(x))))


def padded(x):
    return L.Bidirectional(L.GRU(2, reset_after=False))(L.Masking(0.0)(x))


tokens = [[1, 2, 3, 0], [4, 0, 2, 1]]
add("compiled, silu", compiled)
add("a residual block", residual)
add("a graph used twice in a graph", nested)
add("a chain in a chain", chain_in_chain)
add("an operator between tensors", operator)
add("images", images)
add("built without an input", built_late)
add("Embedding and LSTM", lambda: keras.Sequential([L.Input((4,)), L.Embedding(5, 3), L.LSTM(3), L.Dense(2)]), tokens)
add("Bidirectional GRU", lambda: keras.Sequential(
    [L.Input((4,)), L.Embedding(5, 3), L.Bidirectional(L.GRU(2, reset_after=False)), L.Dense(2)]), tokens)
add("two Bidirectional layers", lambda: keras.Sequential(
    [L.Input((4, 2)), L.Bidirectional(L.LSTM(2, return_sequences=True)), L.Bidirectional(L.SimpleRNN(2), merge_mode="sum")]))
add("TimeDistributed", lambda: keras.Sequential([L.Input((3, 4)), L.TimeDistributed(L.Dense(4)), L.LSTM(2)]))

add("a graph with Dropout and a recurrent layer", graph((4, 2), lambda x: L.LSTM(2, dropout=0.1)(L.SpatialDropout1D(0.2)(x))))
add("a graph with Bidirectional", graph((4, 2), lambda x: L.Dense(2)(L.Bidirectional(L.LSTM(2))(x))))
add("a graph whose tokens are hidden", graph((4,), hidden), tokens)
add("a graph whose steps are hidden", graph((3, 2), padded), [[[1, 2], [0, 0], [3, 1]], [[1, 0], [2, 2], [0, 0]]])


def lines_of_an_image(x):
    y = L.Reshape((4, -1))(L.MaxPooling2D(2)(L.Conv2D(3, 3, padding="same", activation="relu")(x)))
    return L.Dense(2)(L.Flatten()(L.Dense(3, activation="tanh")(y)))


def pretrained(x):
    inner = keras.Sequential([L.Input((4,)), L.Dense(3, activation="relu"), L.BatchNormalization()], name="pretrained")
    inner.trainable = False
    return L.Dense(2)(inner(x, training=False))


add("a graph with a Reshape that leaves a size open", graph((8, 8, 1), lines_of_an_image))
add("a chain with a Reshape within TimeDistributed", lambda: keras.Sequential(
    [L.Input((2, 3, 2)), L.TimeDistributed(L.Reshape((-1,))), L.LSTM(2), L.Dense(2)]))
add("a frozen model in a graph", graph((4,), pretrained))

add("Normalization by given numbers", lambda: keras.Sequential(
    [L.Input((3,)), L.Normalization(mean=[0.5, -2, 0], variance=[4, 0.25, 0]), L.Dense(2)]))
add("Normalization of images, and back", graph((4, 4, 2), lambda x: L.Conv2D(2, 3)(
    L.Normalization(axis=None, mean=0.3, variance=2.0, invert=True)(L.Normalization(mean=[0.1, 0.2], variance=[1, 9])(x)))))

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "intake.json")
with open(path, "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
