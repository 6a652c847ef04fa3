# Writes saturatedLosses.json: what Keras' losses do where a prediction is all but certain, for the last layers that a model
# may end in. Run with Keras 3 on TensorFlow: python saturatedLosses.py
import json
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
import keras
import numpy as np

STEPS = 20


def ends(units, activation, how):
    """The layers of a model whose last values are bias alone: the input is zero."""
    layers = [keras.layers.Input((1,))]
    if how == "activation of Dense":
        layers.append(keras.layers.Dense(units, activation=activation, name="out"))
    elif how == "Activation":
        layers += [keras.layers.Dense(units, name="out"), keras.layers.Activation(activation, name="end")]
    elif how == "Softmax":
        layers += [keras.layers.Dense(units, name="out"), keras.layers.Softmax(name="end")]
    return keras.Sequential(layers)


def case(how, activation, bias, label, loss, learning_rate=1.0):
    model = ends(len(bias), activation, how)
    model.get_layer("out").set_weights([np.zeros((1, len(bias))), np.array(bias)])
    model.compile(optimizer=keras.optimizers.SGD(learning_rate), loss=loss)
    x = np.zeros((1, 1), dtype="float32")
    y = np.array([label], dtype="int32" if loss.startswith("sparse") else "float32")
    before = float(model.evaluate(x, y, verbose=0))
    for _ in range(STEPS):
        model.train_on_batch(x, y)
    after = model.get_layer("out").get_weights()[1]
    return {
        "how": how,
        "activation": activation,
        "learningRate": learning_rate,
        "bias": bias,
        "label": label,
        "loss": loss,
        "lossBefore": before,
        "biasAfter": [float(value) for value in after],
        "lossAfter": float(model.evaluate(x, y, verbose=0)),
    }


cases = []
for how in ["activation of Dense", "Activation", "Softmax"]:
    for bias in [[0.0, 25.0, 0.0], [0.0, 200.0, -200.0], [0.5, 1.0, -0.5], [0.0, 0.0, 0.0]]:
        cases.append(case(how, "softmax", bias, 0, "sparse_categorical_crossentropy"))
        cases.append(case(how, "softmax", bias, [1.0, 0.0, 0.0], "categorical_crossentropy"))
        cases.append(case(how, "softmax", bias, [0.25, 0.25, 0.5], "categorical_crossentropy"))
for how in ["activation of Dense", "Activation"]:
    for bias, label in [([25.0], [0.0]), ([-25.0], [1.0]), ([0.0], [1.0]), ([25.0, -300.0], [0.0, 1.0]), ([0.3, -0.2], [0.7, 0.0])]:
        cases.append(case(how, "sigmoid", bias, label, "binary_crossentropy"))
# An activation that does not belong to the loss: Keras takes what goes into it all the same.
cases.append(case("activation of Dense", "sigmoid", [0.4, 1.0, -2.0], 0, "sparse_categorical_crossentropy"))
cases.append(case("activation of Dense", "sigmoid", [0.4, 1.0, -2.0], [1.0, 0.0, 0.0], "categorical_crossentropy"))
cases.append(case("activation of Dense", "softmax", [0.4, 1.0, -2.0], [1.0, 0.0, 0.0], "binary_crossentropy"))
# No activation to take off: probabilities as they are, clipped.
for bias, label in [([0.3, 0.5, 0.2], 0), ([0.3, 0.5, 0.9], 1), ([1.2, 0.0, 0.4], 2)]:
    cases.append(case("activation of Dense", "linear", bias, label, "sparse_categorical_crossentropy", 0.01))
    hot = [1.0 if i == label else 0.0 for i in range(3)]
    cases.append(case("activation of Dense", "linear", bias, hot, "categorical_crossentropy", 0.01))
    cases.append(case("activation of Dense", "linear", bias, hot, "binary_crossentropy", 0.01))

made = {"keras": keras.__version__, "steps": STEPS, "cases": cases}
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(made, indent=1) + "\n")
