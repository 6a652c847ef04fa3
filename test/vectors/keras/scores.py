"""What `model.evaluate` of Keras says of whole models on a test set: writes scores.json beside it.

    python test/vectors/keras/scores.py        (Keras 3.15 on TensorFlow 2.21)

Each case holds the model as `to_json()` gives it, its weights by their paths, the test set and Keras' own metrics.
"""

import json
import math
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import layers as L  # noqa: E402
from keras import metrics as M  # noqa: E402

random = np.random.default_rng(11)


def plain(array):
    return [float(f"{v:.8g}") for v in np.asarray(array, np.float64).ravel()]


def case(name, model, loss, metrics, x, y, own_loss, scale=0.4):
    for variable in model.weights:
        is_kernel = "kernel" in variable.path or "embeddings" in variable.path
        values = random.normal(size=variable.shape) * (scale if is_kernel else 0.1)
        if "variance" in variable.path or "gamma" in variable.path:
            values = np.abs(values) + 0.5
        variable.assign(values)
    model.compile(loss=loss, metrics=list(metrics.values()))
    scores = model.evaluate(x, y, batch_size=32, verbose=0, return_dict=True)
    of = {own: scores[metric.name] for own, metric in metrics.items()}
    return {
        "name": name,
        "loss": own_loss,
        "model": json.loads(model.to_json()),
        "weights": {v.path: {"shape": list(v.shape), "values": plain(v.numpy())} for v in model.weights},
        "x": {"shape": list(x.shape), "values": plain(x)},
        "y": {"shape": list(y.shape), "values": plain(y)},
        "metrics": {"loss": scores["loss"], **of},
    }


cases = []
images = random.normal(size=(90, 8, 8, 1)).astype("float32")
labels = random.integers(0, 4, 90)
images += labels[:, None, None, None] * 0.3
cases.append(
    case(
        "images in four classes",
        keras.Sequential([
            L.Input((8, 8, 1)),
            L.Conv2D(4, 3, activation="relu", name="c"),
            L.BatchNormalization(name="n"),
            L.GlobalAveragePooling2D(),
            L.Dropout(0.5),
            L.Dense(4, activation="softmax", name="d"),
        ]),
        "sparse_categorical_crossentropy",
        {"accuracy": M.SparseCategoricalAccuracy(), "top2Accuracy": M.SparseTopKCategoricalAccuracy(k=2)},
        images,
        labels,
        "sparseCategoricalCrossentropy",
    )
)
one_hot = np.eye(4)[labels].astype("float32")
cases.append(
    case(
        "the same with one-hot labels",
        keras.Sequential([L.Input((8, 8, 1)), L.Flatten(), L.Dense(4, activation="softmax", name="d")]),
        "categorical_crossentropy",
        {
            "accuracy": M.CategoricalAccuracy(),
            "auc": M.AUC(multi_label=True, num_labels=4),
            "f1": M.F1Score(average="macro"),
        },
        images,
        one_hot,
        "categoricalCrossentropy",
    )
)
tokens = random.integers(0, 12, (70, 6)).astype("float32")
cases.append(
    case(
        "yes or no of a text",
        keras.Sequential([
            L.Input((6,)),
            L.Embedding(12, 3, name="e"),
            L.LSTM(4, name="l"),
            L.Dense(1, activation="sigmoid", name="d"),
        ]),
        "binary_crossentropy",
        {
            "accuracy": M.BinaryAccuracy(),
            "auc": M.AUC(),
            "precision": M.Precision(),
            "recall": M.Recall(),
        },
        tokens,
        (tokens[:, :1] > 4).astype("float32"),
        "binaryCrossentropy",
        scale=1.5,
    )
)
table = random.normal(size=(80, 5)).astype("float32")
cases.append(
    case(
        "two numbers of a table",
        keras.Sequential([
            L.Input((5,)),
            L.Dense(6, activation="relu", name="h"),
            L.BatchNormalization(name="n"),
            L.Dropout(0.3),
            L.Dense(2, name="d"),
        ]),
        "mean_squared_error",
        {
            "meanAbsoluteError": M.MeanAbsoluteError(),
            "rootMeanSquaredError": M.RootMeanSquaredError(),
            "r2": M.R2Score(),
        },
        table,
        (table[:, :2] * 2 + 1).astype("float32"),
        "meanSquaredError",
    )
)
frozen = L.Dense(6, activation="relu", kernel_regularizer="l2", name="h")
frozen.trainable = False
cases.append(
    case(
        "regularizers, one of a frozen layer",
        keras.Sequential([
            L.Input((5,)),
            frozen,
            L.BatchNormalization(gamma_regularizer="l1", name="n"),
            L.Dense(2, kernel_regularizer=keras.regularizers.L1L2(0.01, 0.02), bias_regularizer="l2", name="d"),
        ]),
        "huber",
        {"meanAbsoluteError": M.MeanAbsoluteError()},
        table,
        (table[:, :2] * 2 + 1).astype("float32"),
        "huber",
    )
)
masks = (images > 0.5).astype("float32")
cases.append(
    case(
        "yes or no of each pixel",
        keras.Sequential([
            L.Input((8, 8, 1)),
            L.Conv2D(2, 3, padding="same", activation="relu", name="c"),
            L.Conv2D(1, 1, activation="sigmoid", name="d"),
        ]),
        "binary_crossentropy",
        {"binaryAccuracy": M.BinaryAccuracy()},
        images[:20],
        masks[:20],
        "binaryCrossentropy",
    )
)
cases[-1]["metrics"]["accuracy"] = 0.0  # No sample has all of its pixels right, which no metric of Keras asks for.


def graph(shape, through):
    x = L.Input(shape)
    return keras.Model(x, through(x))


def joined(x):
    y = L.Concatenate(axis=-2)([L.Dense(3, activation="tanh", name="a")(x), x])
    return L.Dense(1, name="d")(L.Flatten()(y))


def shared(x):
    twice = L.Dense(5, activation="tanh", kernel_regularizer="l2", name="twice")
    inner = keras.Sequential([L.Input((5,)), L.Dense(4, name="in_a"), L.Activation("gelu")], name="inner")
    y = L.Multiply()([inner(twice(x)), inner(twice(twice(x)))])
    return L.Dense(3, activation="softmax", name="d")(L.Concatenate()([y, x]))


def branches(x):
    # A gate over channels, and ways of unequal strides.
    y = L.SeparableConv2D(4, 3, padding="same", use_bias=False, name="s")(x)
    y = L.ReLU(max_value=6)(L.BatchNormalization(center=False, scale=False, name="n")(y))
    gate = L.Dense(4, activation="sigmoid", name="g")(L.GlobalAveragePooling2D()(y))
    y = L.Multiply()([y, L.Reshape((1, 1, 4))(gate)])
    ways = [L.Conv2D(3, 3, strides=(2, 4), padding="same", name="c")(y), L.MaxPooling2D(3, strides=(2, 4), padding="same")(y)]
    L.Dense(7, name="unused")(y)
    return L.Dense(4, activation="softmax", name="d")(L.GlobalMaxPooling2D()(L.Concatenate()(ways)))


lines = random.normal(size=(50, 4, 3)).astype("float32")
cases.append(case(
    "tensors joined along the axis before the last", graph((4, 3), joined), "mean_absolute_error",
    {"rootMeanSquaredError": M.RootMeanSquaredError()}, lines, lines[:, 0, :1] * 2, "meanAbsoluteError"))
cases.append(case(
    "a layer and a model that are called twice", graph((5,), shared), "sparse_categorical_crossentropy",
    {"accuracy": M.SparseCategoricalAccuracy()}, table, random.integers(0, 3, 80), "sparseCategoricalCrossentropy"))
cases.append(case(
    "a gate, ways of unequal strides and one that is not used", graph((8, 8, 1), branches), "sparse_categorical_crossentropy",
    {"accuracy": M.SparseCategoricalAccuracy()}, images, labels, "sparseCategoricalCrossentropy"))
cases.append(case(
    "a tag for each token, whose padding is hidden",
    keras.Sequential([
        L.Input((6,)), L.Embedding(12, 3, mask_zero=True, name="e"), L.GRU(4, reset_after=False, return_sequences=True, name="r"),
        L.LSTM(3, go_backwards=True, name="l"), L.RepeatVector(4),
        L.Bidirectional(L.SimpleRNN(3, return_sequences=True, name="b"), merge_mode="ave", name="both"),
        L.TimeDistributed(L.Dense(3, activation="softmax", name="t"), name="tags"),
    ]),
    "sparse_categorical_crossentropy", {"accuracy": M.SparseCategoricalAccuracy()},
    tokens, random.integers(0, 3, (70, 4)), "sparseCategoricalCrossentropy", scale=1.2))
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "scores.json"), "w") as file:
    file.write(json.dumps({"madeBy": f"Keras {keras.__version__}", "cases": cases}) + "\n")
