"""The model of this example: change it, and run `python3 model.py` (Keras 3), which writes model.json.

The inputs are those of features.json: 41 + 7 + 4 + 3 columns of ones and zeros for four categories, and the speed.
"""

from pathlib import Path

import keras
from keras import layers

model = keras.Sequential(
    [
        keras.Input((56,)),
        layers.Dense(64, activation="relu"),
        # Keras' momentum of 0.99 would lag behind for tens of rounds: a round has few steps.
        layers.BatchNormalization(momentum=0.8),
        layers.Dropout(0.3),
        layers.Dense(32, activation="relu"),
        layers.BatchNormalization(momentum=0.8),
        layers.Dense(1, activation="sigmoid"),
    ],
    name="damage",
)
model.summary()
Path(__file__).with_name("model.json").write_text(model.to_json(indent=2) + "\n")
