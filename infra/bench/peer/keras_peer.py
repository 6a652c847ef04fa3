"""What Keras takes for the same work, for `npm run bench -- --peer keras`.

Reads one job as JSON from standard input and writes one line of JSON to standard output.
  {"job": "steps", "model": ..., "inputShape": [28, 28, 1], "classes": 10, "tokens": null, "batch": 32, "steps": 200}
  {"job": "fit", "model": ..., "images": "<file>", "labels": "<file>", "samples": 56000, "batch": 32, "learningRate": 0.0015}
"""

import gzip
import json
import sys
import time

import keras
import numpy as np

WARM_STEPS = 20


def compiled(job):
    model = keras.saving.deserialize_keras_object(job["model"])
    model.build((None, *job["inputShape"]))
    model.compile(
        optimizer=keras.optimizers.Adam(job["learningRate"]), loss="sparse_categorical_crossentropy"
    )
    return model


def steps(job):
    """Milliseconds of a step of train_on_batch, after some that trace the graph."""
    random = np.random.default_rng(1)
    shape = (job["batch"], *job["inputShape"])
    x = random.random(shape) if job["tokens"] is None else random.integers(0, job["tokens"], shape)
    x = x.astype("float32")
    y = random.integers(0, job["classes"], job["batch"])
    model = compiled(job)
    for _ in range(WARM_STEPS):
        model.train_on_batch(x, y)
    started = time.perf_counter()
    for _ in range(job["steps"]):
        model.train_on_batch(x, y)
    return {"stepMs": (time.perf_counter() - started) / job["steps"] * 1000}


def idx(path):
    """An idx file of bytes, as Fashion-MNIST comes."""
    with (gzip.open if path.endswith(".gz") else open)(path) as file:
        data = file.read()
    dimensions = data[3]
    shape = np.frombuffer(data, ">i4", dimensions, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def fit(job):
    """Seconds of one `fit` over so many samples in all: some images, as often as it takes."""
    x = idx(job["images"])[: job["images_used"], ..., None].astype("float32") / 255
    y = idx(job["labels"])[: job["images_used"]].astype("int64")
    model = compiled(job)
    started = time.perf_counter()
    model.fit(x, y, batch_size=job["batch"], epochs=job["samples"] // len(x), verbose=0)
    return {"seconds": time.perf_counter() - started}


task = json.load(sys.stdin)
print(json.dumps({"steps": steps, "fit": fit}[task["job"]](task)))
