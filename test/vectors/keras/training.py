"""What Keras' losses, optimizers and schedules compute: writes training.json beside it.

    python test/vectors/keras/training.py        (Keras 3.15 on TensorFlow 2.21)

Losses: the value before training, and the weights after three steps of SGD. Optimizers: the weights after one and after five
steps. One small model and one batch, both of waves (see layers.py). Schedules: the learning rate of each round.
"""

import json
import math
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import layers as L  # noqa: E402

SAMPLES, INPUTS, HIDDEN, OUTPUTS = 4, 3, 3, 2


def wave(shape, phase, size=0.6):
    count = math.prod(shape)
    return np.array([size * math.sin(1.3 * k + phase) for k in range(count)], np.float32).reshape(shape)


def rounded(array):
    return [float(f"{v:.8g}") for v in np.asarray(array, np.float64).ravel()]


def model_of(activation, scale=1.0):
    model = keras.Sequential([
        L.Input((INPUTS,)),
        L.Dense(HIDDEN, activation="tanh", name="hidden"),
        L.Dense(OUTPUTS, activation=activation, name="out"),
    ])
    for place, variable in enumerate(model.weights):
        variable.assign(wave(tuple(variable.shape), place + 0.9, 0.6 * scale))
    return model


def weights_of(model):
    return {v.path.split("/", 1)[1]: rounded(v.numpy()) for v in model.weights}


X = wave((SAMPLES, INPUTS), 0.2)
numbers = wave((SAMPLES, OUTPUTS), 0.4, 2.0)
LABELS = {
    "numbers": numbers,
    "counts": np.round(np.abs(numbers) * 2),
    "signs": np.where(numbers > 0, 1.0, -1.0),
    "bits": np.where(numbers > 0, 1.0, 0.0),
    "shares": np.abs(numbers) / np.abs(numbers).sum(-1, keepdims=True),
    "one-hot": np.eye(OUTPUTS)[np.arange(SAMPLES) % OUTPUTS],
}


def loss(name, keras_name, activation, labels):
    y = np.asarray(LABELS[labels], np.float32)
    model = model_of(activation)
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss=keras_name)
    value = float(model.evaluate(X, y, verbose=0))
    for _ in range(3):
        model.train_on_batch(X, y)
    return {"loss": name, "activation": activation, "labels": labels, "y": rounded(y), "value": value, "after": weights_of(model)}


def optimizer(spec, make, scale=1.0):
    y = np.asarray(LABELS["numbers"], np.float32)
    after = {}
    for steps in [1, 5]:
        model = model_of("linear", scale)
        model.compile(optimizer=make(), loss="mean_squared_error")
        for _ in range(steps):
            model.train_on_batch(X, y)
        after[steps] = weights_of(model)
    return {"optimizer": spec, "scale": scale, "after": after}


O, S = keras.optimizers, keras.optimizers.schedules
losses = [
    loss("meanAbsoluteError", "mean_absolute_error", "linear", "numbers"),
    loss("huber", "huber", "linear", "numbers"),
    loss("hinge", "hinge", "linear", "signs"),
    loss("hinge", "hinge", "tanh", "bits"),
    loss("kullbackLeiblerDivergence", "kl_divergence", "softmax", "shares"),
    loss("kullbackLeiblerDivergence", "kl_divergence", "softmax", "one-hot"),
    loss("kullbackLeiblerDivergence", "kl_divergence", "sigmoid", "shares"),
    loss("poisson", "poisson", "softplus", "counts"),
]
# A scale of a millionth makes gradients that epsilon is not small against.
optimizers = [
    optimizer({"name": "sgd", "learningRate": 0.1}, lambda: O.SGD(0.1)),
    optimizer({"name": "sgd", "learningRate": 0.1, "weightDecay": 0.3}, lambda: O.SGD(0.1, weight_decay=0.3)),
    optimizer({"name": "sgd", "learningRate": 0.1, "globalClipNorm": 0.5}, lambda: O.SGD(0.1, global_clipnorm=0.5)),
    optimizer({"name": "sgd", "learningRate": 0.1, "globalClipNorm": 500}, lambda: O.SGD(0.1, global_clipnorm=500)),
    optimizer({"name": "momentum", "learningRate": 0.1, "momentum": 0.8}, lambda: O.SGD(0.1, momentum=0.8)),
    optimizer({"name": "adam"}, lambda: O.Adam()),
    optimizer({"name": "adam", "learningRate": 0.05, "beta1": 0.8, "beta2": 0.99}, lambda: O.Adam(0.05, 0.8, 0.99)),
    optimizer({"name": "adam", "learningRate": 0.05}, lambda: O.Adam(0.05), 1e-6),
    optimizer({"name": "adam", "learningRate": 0.05, "weightDecay": 0.2, "globalClipNorm": 0.1},
              lambda: O.Adam(0.05, weight_decay=0.2, global_clipnorm=0.1)),
    optimizer({"name": "adamw"}, lambda: O.AdamW()),
    optimizer({"name": "adamw", "learningRate": 0.05, "weightDecay": 0.5}, lambda: O.AdamW(0.05, 0.5)),
    optimizer({"name": "rmsprop"}, lambda: O.RMSprop()),
    optimizer({"name": "rmsprop", "learningRate": 0.02, "rho": 0.7, "epsilon": 0.001}, lambda: O.RMSprop(0.02, 0.7, epsilon=0.001)),
    optimizer({"name": "adagrad"}, lambda: O.Adagrad()),
    optimizer({"name": "adagrad", "learningRate": 0.2, "initialAccumulator": 0, "epsilon": 0.01},
              lambda: O.Adagrad(0.2, 0.0, epsilon=0.01)),
]
ROUNDS = 14
schedules = [
    ({"kind": "step", "everyRounds": 3, "factor": 0.5}, S.ExponentialDecay(0.2, 3, 0.5, staircase=True)),
    ({"kind": "step", "everyRounds": 1, "factor": 0.9}, S.ExponentialDecay(0.2, 1, 0.9, staircase=True)),
    ({"kind": "cosine", "rounds": 10}, S.CosineDecay(0.2, 10)),
    ({"kind": "cosine", "rounds": 6, "floor": 0.25}, S.CosineDecay(0.2, 6, alpha=0.25)),
    ({"kind": "cosine", "rounds": 8, "warmupRounds": 4}, S.CosineDecay(0.2 / 5, 8, warmup_target=0.2, warmup_steps=4)),
]
made = {
    "keras": keras.__version__,
    "x": rounded(X),
    "losses": losses,
    "optimizers": optimizers,
    "schedules": [{"schedule": spec, "learningRate": 0.2, "rates": [float(rate(i)) for i in range(ROUNDS)]} for spec, rate in schedules],
}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "training.json")
with open(path, "w") as file:
    file.write(json.dumps(made, indent=0).replace("\n", " ") + "\n")
