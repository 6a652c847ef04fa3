"""The model of this example: change it, and run `python3 model.py` (Keras 3), which writes model.json.

The vocabulary of features.json decides how many characters there are: one more for each, and two for padding and for
characters that are not in it. TensorFlow.js has no GRU with reset_after=True, which is Keras' default.
"""

import json
from pathlib import Path

import keras
from keras import layers

folder = Path(__file__).parent
features = json.loads((folder / "features.json").read_text())
characters = len(features["vocabulary"]) + 2

model = keras.Sequential(
    [
        keras.Input((features["length"],)),
        layers.Embedding(characters, 16),
        layers.GRU(64, reset_after=False, return_sequences=True),
        layers.Dense(characters, activation="softmax"),
    ],
    name="next_character",
)
model.summary()
(folder / "model.json").write_text(model.to_json(indent=2) + "\n")
