"""Loads the models 0.keras, 1.keras ... of a folder, and prints what each predicts for its samples in cases.json, or why not."""

import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # Its order of additions is its own.

import keras  # noqa: E402
import numpy as np  # noqa: E402


def predicted(path, x):
    try:
        model = keras.saving.load_model(path)
        samples = np.array(x["values"], np.float32).reshape(x["shape"])
        return [float(value) for value in model.predict_on_batch(samples).ravel()]
    except Exception as error:  # Told by the test, with the case's name.
        return f"{type(error).__name__}: {error}"


folder = sys.argv[1]
with open(os.path.join(folder, "cases.json")) as file:
    cases = json.load(file)
print(json.dumps([predicted(os.path.join(folder, f"{i}.keras"), case["x"]) for i, case in enumerate(cases)]))
