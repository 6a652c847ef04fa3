"""The model of this example: change it, and run `python3 model.py` (Keras 3), which writes model.json."""

from pathlib import Path

import keras
from keras import layers

model = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        layers.Conv2D(16, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dropout(0.3),
        layers.Dense(64, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ],
    name="shop_window",
)
model.summary()
Path(__file__).with_name("model.json").write_text(model.to_json(indent=2) + "\n")
