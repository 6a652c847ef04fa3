# Makes metrics.json: metrics of random labels and outputs as Keras and scikit-learn compute them.
#   python -m pip install numpy scikit-learn keras tensorflow-cpu && python metrics.py > metrics.json
import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
import sklearn
from sklearn import metrics as sk

random = np.random.default_rng(7)


def plain(value):
    return [plain(part) for part in value] if isinstance(value, (list, tuple, np.ndarray)) else float(value)


def classes(rows, width, sharpness):
    labels = random.integers(0, width, rows)
    logits = random.normal(size=(rows, width)) + sharpness * np.eye(width)[labels]
    outputs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    outputs = outputs.astype("float32")
    guesses = outputs.argmax(axis=1)
    precision, recall, f1, support = sk.precision_recall_fscore_support(
        labels, guesses, labels=range(width), zero_division=0
    )
    macro = sk.precision_recall_fscore_support(labels, guesses, average="macro", zero_division=0)[:3]
    auc = keras.metrics.AUC(multi_label=True, num_labels=width)
    auc.update_state(np.eye(width)[labels], outputs)
    metrics = dict(zip(["precision", "recall", "f1"], macro))
    for k in (2, 3):
        top = keras.metrics.SparseTopKCategoricalAccuracy(k=k)
        top.update_state(labels, outputs)
        metrics[f"top{k}Accuracy"] = top.result()
    keras_f1 = keras.metrics.F1Score(average="macro")
    keras_f1.update_state(np.eye(width)[labels].astype("float32"), outputs)
    return {
        "loss": "sparseCategoricalCrossentropy",
        "width": width,
        "labels": plain(labels),
        "outputs": plain(outputs.ravel()),
        "metrics": {name: float(value) for name, value in {**metrics, "auc": auc.result()}.items()},
        "kerasF1": float(keras_f1.result()),
        "confusion": plain(sk.confusion_matrix(labels, guesses, labels=range(width))),
        "byClass": {"precision": plain(precision), "recall": plain(recall), "f1": plain(f1), "support": plain(support)},
    }


def binary(rows, width, sharpness):
    labels = random.integers(0, 2, (rows, width))
    outputs = 1 / (1 + np.exp(-(random.normal(size=(rows, width)) + sharpness * (labels - 0.5))))
    outputs = np.round(outputs, 2).astype("float32")  # Many scores lie on a threshold.
    guesses = outputs > 0.5
    average = "binary" if width == 1 else "macro"
    shape = (rows,) if width == 1 else (rows, width)
    macro = sk.precision_recall_fscore_support(
        labels.reshape(shape), guesses.reshape(shape), average=average, zero_division=0
    )[:3]
    auc = keras.metrics.AUC(**({} if width == 1 else {"multi_label": True, "num_labels": width}))
    auc.update_state(labels, outputs)
    right = keras.metrics.BinaryAccuracy()
    right.update_state(labels, outputs)
    return {
        "loss": "binaryCrossentropy",
        "width": width,
        "labels": plain(labels.ravel()),
        "outputs": plain(outputs.ravel()),
        "metrics": {
            **dict(zip(["precision", "recall", "f1"], map(float, macro))),
            "auc": float(auc.result()),
            "binaryAccuracy": float(right.result()),
        },
    }


def numbers(rows, width, mean):
    labels = (random.normal(size=(rows, width)) * [1 + i for i in range(width)] + mean).astype("float32")
    outputs = (labels + random.normal(size=(rows, width)) * 0.5).astype("float32")
    r2 = keras.metrics.R2Score()
    r2.update_state(labels, outputs)
    exact = labels.astype("float64"), outputs.astype("float64")
    return {
        "loss": "meanSquaredError",
        "width": width,
        "labels": plain(labels.ravel()),
        "outputs": plain(outputs.ravel()),
        "metrics": {
            "meanAbsoluteError": float(sk.mean_absolute_error(*exact)),
            "rootMeanSquaredError": float(np.sqrt(sk.mean_squared_error(*exact))),
            "r2": float(sk.r2_score(*exact)),
        },
        "kerasR2": float(r2.result()),
    }


json.dump(
    {
        "madeBy": f"Keras {keras.__version__}, scikit-learn {sklearn.__version__}",
        "cases": [
            classes(60, 4, 1.5),
            classes(40, 2, 0.5),
            classes(30, 12, 2.0),
            binary(80, 1, 2.0),
            binary(50, 3, 1.0),
            numbers(40, 1, 0),
            numbers(40, 3, 5_000),
        ],
    },
    sys.stdout,
)
