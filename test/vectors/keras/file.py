"""A model as `model.save` writes it, and what it computes: writes file.keras and file.json beside it.

    python test/vectors/keras/file.py        (Keras 3.15 on TensorFlow 2.21)
"""

import json
import math
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import layers as L  # noqa: E402


def wave(shape, phase):
    count = math.prod(shape)
    return np.array([0.6 * math.sin(1.3 * k + phase) for k in range(count)], np.float32).reshape(shape)


keras.backend.clear_session()
x = L.Input((6, 6, 1))
y = L.SeparableConv2D(2, 3, padding="same")(x)
y = L.BatchNormalization(scale=False)(y)
y = L.Conv2D(2, 1, use_bias=False, name="skip")(y) + y  # An operation among the layers.
y = L.DepthwiseConv2D(3)(y)
y = L.Conv2D(3, 2, name="last_of_images")(y)
y = L.PReLU(shared_axes=[1, 2])(y)
y = L.Reshape((3, 9))(y)
inner_x = L.Input((3, 9))
inner = keras.Model(inner_x, L.LayerNormalization()(L.Dense(9, name="within")(inner_x)), name="inner")
y = inner(y)
y = keras.Sequential([L.Input((3, 9)), L.Dense(4), L.BatchNormalization(), L.Dense(4)])(y)
y = L.TimeDistributed(L.Dense(3))(y)
y = L.Bidirectional(L.LSTM(2, return_sequences=True))(y)
y = L.GRU(2, reset_after=False, name="z")(y)
model = keras.Model(x, L.Dense(2, activation="softmax", name="a")(L.Dropout(0.1)(y)))
for place, variable in enumerate(model.weights):
    values = wave(tuple(variable.shape), place + 0.9)
    variable.assign(np.abs(values) + np.float32(0.5) if "variance" in variable.path else values)
inputs = wave((2, 6, 6, 1), 0.2)
folder = os.path.dirname(os.path.abspath(__file__))
model.save(os.path.join(folder, "file.keras"))
made = {
    "x": {"shape": list(inputs.shape), "values": [float(v) for v in inputs.ravel()]},
    "output": [float(v) for v in model.predict_on_batch(inputs).ravel()],
    "weights": {v.path: float(v.numpy().astype(np.float64).sum()) for v in model.weights},
}
with open(os.path.join(folder, "file.json"), "w") as file:
    file.write(json.dumps(made) + "\n")
