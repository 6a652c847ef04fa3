"""How Keras' initializers are distributed: writes initializers.json beside it.

    python test/vectors/keras/initializers.py        (Keras 3.15 on TensorFlow 2.21)

A case holds an initializer as Keras writes it, a shape, and of the values that Keras draws for it (many times, where they are few) the
mean, the variance, the fourth moment over the squared variance (null where there is no variance), the least and the greatest.
"""

import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import initializers as I  # noqa: E402

VALUES = 60_000
SEED = 7

kernels = [(64, 32), (3, 3, 8, 16), (5, 4, 12), (40,)]
cases = [(I.Zeros(), (4, 3)), (I.Ones(), (4, 3)), (I.Constant(0.25), (4, 3)), (I.Identity(), (4, 6)),
         (I.RandomUniform(), (40, 30)), (I.RandomUniform(1.0, 3.0), (40, 30)),
         (I.RandomNormal(), (40, 30)), (I.RandomNormal(1.0, 0.5), (40, 30)),
         (I.TruncatedNormal(), (40, 30)), (I.TruncatedNormal(1.0, 0.5), (40, 30)),
         (I.Orthogonal(), (30, 30)), (I.Orthogonal(1.5), (60, 20)), (I.Orthogonal(), (3, 3, 2, 40))]
for name in ["GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal", "LecunUniform", "LecunNormal"]:
    cases += [(getattr(I, name)(), shape) for shape in kernels]
for mode in ["fan_in", "fan_out", "fan_avg"]:
    for distribution in ["uniform", "truncated_normal", "untruncated_normal"]:
        cases.append((I.VarianceScaling(2.5, mode, distribution), (3, 3, 8, 16)))
cases += [(I.VarianceScaling(), (64, 32)), (I.VarianceScaling(0.5), (40,))]


def drawn(initializer, shape):
    count = int(np.prod(shape))
    config = initializer.get_config()
    parts = []
    for i in range(-(-VALUES // count)):
        if "seed" in config:
            initializer = type(initializer)(**{**config, "seed": SEED + i})
        parts.append(np.asarray(initializer(shape), np.float64).ravel())
        if "seed" not in config:
            break
    return np.concatenate(parts)


def entry(initializer, shape):
    values = drawn(initializer, shape)
    variance = values.var()
    config = {key: value for key, value in initializer.get_config().items() if key != "seed"}
    moment = None if variance == 0 else float(((values - values.mean()) ** 4).mean() / variance ** 2)
    return {"initializer": {"class_name": type(initializer).__name__, "config": config}, "shape": shape, "mean": float(values.mean()),
            "variance": float(variance), "fourthMoment": moment, "least": float(values.min()), "greatest": float(values.max())}


if __name__ == "__main__":
    print(keras.__version__)
    found = [entry(*case) for case in cases]
    folder = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(folder, "initializers.json"), "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(json.dumps(each) for each in found) + "\n]\n")
