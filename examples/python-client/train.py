"""The one file to change: how this client reads its data, and how it trains.

Here the model is a chain of dense layers, trained with NumPy: pairs of a kernel [inputs, outputs] and a bias
[outputs] in the order of the grant's parameters, with ReLU between them and a softmax at the end. A run with
the layers `Dense ... Dense(softmax)` has the same parameters, so that this client trains beside others that
compute with TensorFlow.js. Put PyTorch, JAX or scikit-learn here instead: parameters come and go as arrays by
their names.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

from fedstratus_client import Job
from fedstratus_wire import UNSUPPORTED, CannotTrain

Parameters = Dict[str, np.ndarray]
Data = Tuple[np.ndarray, np.ndarray]


@dataclass
class Trained:
    """What came of a training."""

    parameters: Parameters
    #: Rows that were trained on: what the update counts for.
    samples: int
    #: Optimizer steps that were done.
    steps: int
    #: Whether the deadline has cut the training short.
    partial: bool
    loss_before: float
    loss_after: float


#: What NumPy raises for a file that is no .npz file of numbers.
NO_DATA_FILE = (KeyError, ValueError, TypeError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error)


def load(client_id: str, data: Optional[str]) -> Data:
    """The samples [n, inputs] in float32 and their classes [n].

    CLIENT_DATA names an .npz file with `x` and `y`; `{clientId}` and `{data}` in it stand for the client and
    for the data set that the run names.
    """
    path = os.environ["CLIENT_DATA"].replace("{clientId}", client_id).replace("{data}", data or "default")
    try:
        with np.load(path) as file:
            x, y = np.asarray(file["x"], np.float32), np.asarray(file["y"], np.float64)
    except OSError as error:
        raise CannotTrain("The client's data set is not there.", "no-data") from error
    except NO_DATA_FILE as error:
        why = "The client's data cannot be read: an .npz file with x and y, of numbers, is expected."
        raise CannotTrain(why, "bad-data") from error
    if x.ndim == 0 or len(x) == 0 or y.shape not in ((len(x),), (len(x), 1)):
        raise CannotTrain("The client's data have no samples, or not one label for each.", "bad-data")
    if not np.isfinite(x).all() or not (y == np.floor(y)).all():
        why = "The client's data have samples that are not finite, or labels that are no whole numbers."
        raise CannotTrain(why, "bad-data")
    return x.reshape(len(x), -1), y.astype(np.int64).reshape(-1)


def train(job: Job) -> Trained:
    """Trains a copy of the job's parameters, in its parts and nowhere else."""
    parameters, settings = job.parameters, job.settings
    x, y = job.data
    layers = layers_of(parameters, job.topology)
    check(parameters, layers, x, y, settings)
    after = {name: values.copy() for name, values in parameters.items()}
    optimizer = optimizer_of(settings["optimizer"])
    mu = settings.get("proximalMu", 0)
    size = settings["batchSize"]

    loss_before, _ = loss_and_gradients(after, layers, x, y)
    steps = 0
    partial = False
    for _epoch in range(settings["localEpochs"]):
        order = job.rng.permutation(len(x))
        for start in range(0, len(x), size):
            if job.out_of_time():
                partial = True
                break
            rows = order[start : start + size]
            _, gradients = loss_and_gradients(after, layers, x[rows], y[rows])
            steps += 1
            for name, part in job.parts.items():
                # FedProx: training is pulled back to where it started.
                gradient = gradients[name] + mu * (after[name] - parameters[name])
                after[name][part] -= optimizer(name, gradient[part], steps)
        if partial:
            break
    loss_after, _ = loss_and_gradients(after, layers, x, y)
    return Trained(after, len(x), steps, partial, loss_before, loss_after)


def evaluate(parameters: Parameters, data: Data, topology: Optional[dict] = None) -> Dict[str, float]:
    """Metrics by name, of parameters on data that were kept apart. Add your own: up to 32 finite numbers."""
    x, y = data
    layers = layers_of(parameters, topology)
    loss, _ = loss_and_gradients(parameters, layers, x, y)
    outputs = forward(parameters, layers, x)[-1]
    return {"loss": loss, "accuracy": float((outputs.argmax(axis=1) == y).mean())}


def layers_of(parameters: Parameters, topology: Optional[dict]) -> List[Tuple[str, str]]:
    """The kernel and the bias of each layer, by their names; CannotTrain for layers of other kinds."""
    names = list(parameters)
    if len(names) == 0 or len(names) % 2 == 1:
        raise CannotTrain("This client trains dense layers, each with a kernel and a bias.", UNSUPPORTED)
    if topology is not None:
        check_topology(topology, len(names) // 2)
    return [(names[i], names[i + 1]) for i in range(0, len(names), 2)]


#: What options of a layer end in that this client does not train with.
MORE = ("_regularizer", "_constraint")


def check_topology(topology: dict, dense: int) -> None:
    """Raises CannotTrain unless these layers compute what this file does: their shapes do not say."""
    model: Any = topology.get("model_config", topology)
    config = model.get("config")
    layers = config.get("layers") if isinstance(config, dict) else config
    if model.get("class_name") != "Sequential" or not isinstance(layers, list):
        raise CannotTrain("This client trains a chain of layers, not a graph of them.", UNSUPPORTED)
    chain = [layer for layer in layers if layer["class_name"] not in ("InputLayer", "Flatten")]
    for i, layer in enumerate(chain):
        kind, options = layer["class_name"], layer["config"]
        wanted = "softmax" if i == len(chain) - 1 else "relu"
        has_more = any(value for key, value in options.items() if key.endswith(MORE))
        if kind != "Dense" or options.get("activation") != wanted or has_more:
            why = f"This client trains Dense layers with relu, and softmax at the end: layer {i + 1} is not."
            raise CannotTrain(why, UNSUPPORTED)
    if len(chain) != dense:
        raise CannotTrain("The run's layers do not have the parameters that the grant names.", UNSUPPORTED)


def check(
    parameters: Parameters, layers: List[Tuple[str, str]], x: np.ndarray, y: np.ndarray, settings: dict
) -> None:
    """Raises CannotTrain for what this file does not do: something else must not be trained in its place."""
    if settings.get("method", "fedprox") != "fedprox":
        raise CannotTrain(f"This client trains by fedprox, not by {settings['method']}.", UNSUPPORTED)
    if settings["loss"] != "sparseCategoricalCrossentropy":
        raise CannotTrain("This client minimises sparseCategoricalCrossentropy only.", UNSUPPORTED)
    width = x.shape[1]
    for kernel, bias in layers:
        shape = parameters[kernel].shape
        if len(shape) != 2 or shape[0] != width or parameters[bias].shape != (shape[1],):
            why = f"{kernel} and {bias} are no dense layer for {width} inputs, which this client trains."
            raise CannotTrain(why, UNSUPPORTED)
        width = shape[1]
    if y.min() < 0 or y.max() >= width:
        raise CannotTrain(f"The client's labels are not classes from 0 to {width - 1}.", "data-misfit")


def loss_and_gradients(
    parameters: Parameters, layers: List[Tuple[str, str]], x: np.ndarray, y: np.ndarray
) -> Tuple[float, Parameters]:
    """The mean cross-entropy, and its gradient by every parameter."""
    inputs = forward(parameters, layers, x)
    z = inputs[-1] - inputs[-1].max(axis=1, keepdims=True)
    exponentials = np.exp(z)
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    rows = np.arange(len(y))
    loss = -np.log(np.maximum(probabilities[rows, y], 1e-7)).mean()

    gradients: Parameters = {}
    delta = probabilities
    delta[rows, y] -= 1
    delta /= len(y)
    for i, (kernel, bias) in reversed(list(enumerate(layers))):
        gradients[kernel] = inputs[i].T @ delta
        gradients[bias] = delta.sum(axis=0)
        delta = (delta @ parameters[kernel].T) * (inputs[i] > 0)
    return float(loss), gradients


def forward(parameters: Parameters, layers: List[Tuple[str, str]], x: np.ndarray) -> List[np.ndarray]:
    """What goes into each layer, and what comes out of the last one, which has no ReLU."""
    values = [x]
    for i, (kernel, bias) in enumerate(layers):
        z = values[-1] @ parameters[kernel] + parameters[bias]
        values.append(z if i == len(layers) - 1 else np.maximum(z, 0))
    return values


def optimizer_of(settings: dict) -> Callable[[str, np.ndarray, int], np.ndarray]:
    """What a step takes away from a parameter, by its name, its gradient and the number of the step."""
    known = {"name", "learningRate", "momentum", "beta1", "beta2"}
    if not known.issuperset(settings):
        strange = ", ".join(sorted(set(settings) - known))
        raise CannotTrain(f"This client does not know {strange} of an optimizer.", UNSUPPORTED)
    name, rate = settings["name"], settings["learningRate"]
    if name == "sgd":
        return lambda _, gradient, _step: rate * gradient
    moments: Dict[str, Tuple[np.ndarray, np.ndarray]] = {}
    zero = np.zeros((), np.float32)
    if name == "momentum":

        def with_momentum(of: str, gradient: np.ndarray, _step: int) -> np.ndarray:
            velocity = settings["momentum"] * moments.get(of, (zero, zero))[0] + gradient
            moments[of] = (velocity, zero)
            return rate * velocity

        return with_momentum
    if name == "adam":
        beta1, beta2 = settings["beta1"], settings["beta2"]

        def adam(of: str, gradient: np.ndarray, step: int) -> np.ndarray:
            first, second = moments.get(of, (zero, zero))
            first = beta1 * first + (1 - beta1) * gradient
            second = beta2 * second + (1 - beta2) * gradient**2
            moments[of] = (first, second)
            scaled = rate * np.sqrt(1 - beta2**step) / (1 - beta1**step)
            return scaled * first / (np.sqrt(second) + 1e-7)

        return adam
    raise CannotTrain(f"This client has no optimizer {name}: it has sgd, momentum and adam.", UNSUPPORTED)
