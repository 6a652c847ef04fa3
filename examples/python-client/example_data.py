"""Writes what the README's example needs: data of two clients, and the initial weights of the model."""

import numpy as np

from fedstratus_wire import encode_safetensors

rng = np.random.default_rng(7)
centres = 3 * np.eye(3, 4)


def samples(classes, count):
    """Clouds around the centres of these classes: four numbers each."""
    y = rng.choice(classes, count)
    return (centres[y] + rng.normal(size=(count, 4))).astype(np.float32), y


# Each client lacks a class that the other one has.
for name, classes in {"north": [0, 1], "south": [1, 2]}.items():
    x, y = samples(classes, 300)
    np.savez(f"{name}.npz", x=x, y=y)

x, y = samples([0, 1, 2], 300)
np.savez("test.npz", x=x, y=y)


def drawn(*shape):
    return (rng.normal(size=shape) * np.sqrt(2 / shape[0])).astype(np.float32)


layers = {
    "hidden/kernel": drawn(4, 8),
    "hidden/bias": np.zeros(8, np.float32),
    "output/kernel": drawn(8, 3),
    "output/bias": np.zeros(3, np.float32),
}
with open("weights.safetensors", "wb") as file:
    file.write(encode_safetensors(layers, {}))
