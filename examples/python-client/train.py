"""The one file to change: how this client reads its data, and how it trains.

Here the model is a chain of dense layers, trained with NumPy: pairs of a kernel [inputs, outputs] and a bias
[outputs] in the order of the grant's parameters, with ReLU between them and a softmax at the end. A run with
the layers `Dense ... Dense(softmax)` has the same parameters, so that this client trains beside others that
compute with TensorFlow.js. Put PyTorch, JAX or scikit-learn here instead: parameters come and go as arrays by
their names.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Callable, Dict, List, Optional, Set, Tuple

import numpy as np

from fedstratus_client import UNSUPPORTED, CannotTrain

Parameters = Dict[str, np.ndarray]


@dataclass
class Trained:
    """What came of a training."""

    parameters: Parameters
    #: Rows of the data set: what the update counts for.
    samples: int
    #: Optimizer steps that were done.
    steps: int
    #: Whether the deadline has cut the training short.
    partial: bool
    loss_before: float
    loss_after: float


def load(client_id: str, data: Optional[str]) -> Tuple[np.ndarray, np.ndarray]:
    """The samples [n, inputs] in float32 and their classes [n].

    CLIENT_DATA names an .npz file with `x` and `y`; `{clientId}` and `{data}` in it stand for the client and
    for the data set that the run names.
    """
    path = os.environ["CLIENT_DATA"].replace("{clientId}", client_id).replace("{data}", data or "default")
    try:
        with np.load(path) as file:
            x, y = file["x"], file["y"]
    except OSError as error:
        raise CannotTrain("The client's data set is not there.", "no-data") from error
    except (KeyError, ValueError) as error:
        why = "The client's data cannot be read: an .npz file with x and y is expected."
        raise CannotTrain(why, "bad-data") from error
    if len(x) == 0 or len(x) != len(y):
        raise CannotTrain("The client's data have no samples, or not one label for each.", "bad-data")
    return x.reshape(len(x), -1).astype(np.float32), y.astype(np.int64).reshape(-1)


def train(
    parameters: Parameters,
    data: Tuple[np.ndarray, np.ndarray],
    settings: dict,
    fixed: Set[str],
    rng: np.random.Generator,
    out_of_time: Callable[[], bool],
) -> Trained:
    """Trains a copy of the parameters, but for those that are `fixed`.

    `settings` is `training` of the run's spec. `rng` is seeded by the run, the round and the client, so that a
    task that comes again trains the same. Stop between two steps once `out_of_time()`.
    """
    x, y = data
    names = list(parameters)
    layers = [(names[i], names[i + 1]) for i in range(0, len(names) - 1, 2)]
    check(parameters, layers, x, y, settings)
    after = {name: values.copy() for name, values in parameters.items()}
    optimizer = optimizer_of(settings["optimizer"])
    mu = settings.get("proximalMu", 0)
    size = settings["batchSize"]

    loss_before, _ = loss_and_gradients(after, layers, x, y)
    steps = 0
    partial = False
    for _epoch in range(settings["localEpochs"]):
        order = rng.permutation(len(x))
        for start in range(0, len(x), size):
            if out_of_time():
                partial = True
                break
            rows = order[start : start + size]
            _, gradients = loss_and_gradients(after, layers, x[rows], y[rows])
            steps += 1
            for name, gradient in gradients.items():
                if name in fixed:
                    continue
                # FedProx: training is pulled back to where it started.
                gradient = gradient + mu * (after[name] - parameters[name])
                after[name] -= optimizer(name, gradient, steps)
        if partial:
            break
    loss_after, _ = loss_and_gradients(after, layers, x, y)
    return Trained(after, len(x), steps, partial, loss_before, loss_after)


def evaluate(parameters: Parameters, data: Tuple[np.ndarray, np.ndarray]) -> Dict[str, float]:
    """Metrics by name, of parameters on data that were kept apart. Add your own: up to 32 finite numbers."""
    x, y = data
    names = list(parameters)
    layers = [(names[i], names[i + 1]) for i in range(0, len(names) - 1, 2)]
    loss, _ = loss_and_gradients(parameters, layers, x, y)
    outputs = forward(parameters, layers, x)[-1]
    return {"loss": loss, "accuracy": float((outputs.argmax(axis=1) == y).mean())}


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
    if len(layers) * 2 != len(parameters) or not layers:
        raise CannotTrain("This client trains dense layers, each with a kernel and a bias.", UNSUPPORTED)
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
