"""A client of FedStratus with the standard library and NumPy: it does what docs/client-protocol.md says.

Nothing here knows a model: `train.py` beside it reads the data and trains. Start it with `python3 main.py`.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

import numpy as np

from fedstratus_wire import (
    BAD_GRANT,
    UNSUPPORTED,
    Arrays,
    CannotTrain,
    Json,
    NothingToDo,
    TryLater,
    call,
    checked,
    decode_safetensors,
    download,
    encode_safetensors,
    is_queue,
    largest_file,
    log,
    upload,
)

try:
    import resource
except ImportError:  # Windows has none.
    resource = None  # type: ignore[assignment]

#: The release of the client protocol that this file knows.
RELEASE = 3

STARTED = time.monotonic()


@dataclass
class Job:
    """What `train` of train.py is asked to do."""

    #: By their names. Train a copy: these are what the training is measured against.
    parameters: Arrays
    #: What `load` gave, without the rows that are kept apart.
    data: Tuple[np.ndarray, np.ndarray]
    #: `training` of the run's spec.
    settings: Json
    #: What is to be trained: an index into each parameter, such as `...` for the whole of it. Nothing else of
    #: a parameter may change, and nothing of one that has none.
    parts: Dict[str, Any]
    #: The layers as TensorFlow.js and Keras 2 write them; None in a run of parameters alone.
    topology: Optional[Json]
    #: Seeded by the run, the round and the client, so that a task that comes again trains the same.
    rng: np.random.Generator
    #: Whether to stop now: ask before each step.
    out_of_time: Callable[[], bool]


# ---- what a grant names ------------------------------------------------------------------------------------

MAX_TOPOLOGY_BYTES = 2**22


def version_of(grant: Json, watch: Stopwatch) -> Arrays:
    """The weights behind the grant's link, by the names of the parameters."""
    shapes = {parameter["name"]: tuple(parameter["shape"]) for parameter in grant["parameters"]}
    file = watch.download(grant["model"], largest_file(shapes))
    return decode_safetensors(file, shapes)


def topology_of(grant: Json, watch: Stopwatch) -> Optional[Json]:
    if "topology" not in grant:
        return None
    try:
        topology = json.loads(watch.download(grant["topology"], MAX_TOPOLOGY_BYTES))
        return dict(topology)
    except (ValueError, TypeError, RecursionError) as error:
        raise CannotTrain("What is behind the link to the topology is no JSON object.", BAD_GRANT) from error


def parts_of(grant: Json) -> Dict[str, Any]:
    """What is to be trained and sent of each parameter, as an index into it: see Job.parts."""
    shapes = {p["name"]: p["shape"] for p in grant["parameters"] if p.get("role") != "frozen"}
    covers = grant.get("covers")
    if covers is None:
        return {name: ... for name in shapes}
    local = {p["name"] for p in grant["parameters"] if p.get("local")}
    parts: Dict[str, Any] = {}
    for box in covers:
        name, sizes = box["name"], [*zip(box["at"], box["shape"])]
        whole = shapes.get(name)
        inside = whole is not None and len(sizes) == len(whole) == len(box["at"]) == len(box["shape"])
        if not inside or name in local or name in parts:
            raise CannotTrain("A part that the grant covers is of no parameter that is sent.", BAD_GRANT)
        if not all(0 <= at and min(1, of) <= size <= of - at for (at, size), of in zip(sizes, whole)):
            raise CannotTrain("A part that the grant covers is not within its parameter.", BAD_GRANT)
        parts[name] = tuple(slice(at, at + size) for at, size in sizes)
    if not parts:
        raise CannotTrain("The grant covers no part of any parameter.", BAD_GRANT)
    return parts


def kept_to(job: Job, trained: Arrays) -> Arrays:
    """The parameters after a training, changed where they were to be and nowhere else."""
    after = {}
    for name, before in job.parameters.items():
        values = np.asarray(trained[name])
        if values.shape != before.shape:
            raise ValueError(f"train gave {name} the shape {values.shape}, and it has {before.shape}")
        after[name] = before.copy()
        if name in job.parts:
            after[name][job.parts[name]] = values[job.parts[name]]
    return after


# ---- updates -----------------------------------------------------------------------------------------------

def transformed(delta: Arrays, transforms: List[Json]) -> Arrays:
    """The trained parameters' delta after what the run's `transforms` ask of clients, in their order."""
    for transform in transforms:
        if transform["transform"] == "clip":
            norm = float(np.sqrt(sum(np.square(values, dtype=np.float64).sum() for values in delta.values())))
            if norm > transform["maxNorm"]:
                scale = transform["maxNorm"] / norm * (1 - 1e-6)
                delta = {name: (values * scale).astype("<f4") for name, values in delta.items()}
        elif transform["transform"] != "server-rate":  # That one is the server's alone.
            name = transform["transform"]
            raise CannotTrain(f"This client does not know the transform {name}.", UNSUPPORTED)
    return delta


def encoded(delta: Arrays, encoding: str, rng: np.random.Generator) -> Arrays:
    """The tensors that stand for a delta in one of the protocol's encodings."""
    if encoding == "f32":
        return delta
    if encoding == "f16":
        return {name: np.clip(values, -65504, 65504).astype("<f2") for name, values in delta.items()}
    if encoding == "int8":
        steps = {name: np.float32(np.abs(values).max(initial=0) / 127) for name, values in delta.items()}
        whole = {}
        for name, values in delta.items():
            exact = values / steps[name] if steps[name] > 0 else np.zeros_like(values)
            rounded = np.floor(exact) + (rng.random(exact.shape) < exact - np.floor(exact))
            whole[name] = np.clip(rounded, -127, 127).astype("i1")
        lengths = np.array([steps[name] for name in in_order(steps)], "<f4")
        return {**whole, "/int8/steps": lengths}
    raise CannotTrain(f"This client does not know the encoding {encoding}.", UNSUPPORTED)


def in_order(names: Mapping[str, Any]) -> List[str]:
    """As JavaScript sorts names: by UTF-16 code units."""
    return sorted(names, key=lambda name: name.encode("utf-16-be"))


def update_file(grant: Json, job: Job, after: Arrays) -> bytes:
    """The update's file: of what is trained by how much it has moved, of statistics what they are now."""
    roles = {p["name"]: p.get("role", "trained") for p in grant["parameters"] if not p.get("local")}
    sent = {name: part for name, part in job.parts.items() if name in roles}
    delta = {
        name: (after[name] - job.parameters[name])[part].astype("<f4")
        for name, part in sent.items()
        if roles[name] == "trained"
    }
    statistics = {
        name: after[name][part].astype("<f4") for name, part in sent.items() if roles[name] == "statistic"
    }
    if not all(np.isfinite(values).all() for values in [*delta.values(), *statistics.values()]):
        raise CannotTrain("Training diverged: lower the learning rate or check the data.", "diverged")
    tensors = encoded(transformed(delta, grant.get("transforms", [])), grant["encoding"], job.rng)
    if "/int8/steps" in tensors and statistics:
        # It has a step for every tensor by the order of all names; that of a statistic is not used.
        step = dict(zip(in_order(delta), tensors["/int8/steps"]))
        names = in_order({**delta, **statistics})
        tensors["/int8/steps"] = np.array([step.get(name, 0) for name in names], "<f4")
    metadata = {"encoding": grant["encoding"], "baseVersion": str(grant["baseVersion"])}
    if statistics:
        metadata["statistics"] = "values"
    return encode_safetensors({**tensors, **statistics}, metadata)


# ---- one task, from claim to report ------------------------------------------------------------------------

class Stopwatch:
    """Where the time goes, in ms; and how many bytes come and go."""

    def __init__(self) -> None:
        phases = ("queueWaitMs", "coldStartMs", "claimMs", "downloadMs", "dataMs", "trainMs", "uploadMs")
        self.ms = {phase: 0.0 for phase in phases}
        self.bytes_down = 0
        self.bytes_up = 0

    def time(self, phase: str, work: Callable[[], Any]) -> Any:
        started = time.monotonic()
        try:
            return work()
        finally:
            self.ms[phase] = self.ms.get(phase, 0.0) + 1_000 * (time.monotonic() - started)

    def download(self, link: Json, limit: int) -> bytes:
        file = self.time("downloadMs", lambda: download(link, limit))
        self.bytes_down += len(file)
        return file

    def upload(self, link: Json, file: bytes) -> Json:
        """What a report says of the file: its size and its SHA-256."""
        self.time("uploadMs", lambda: upload(link, file))
        self.bytes_up += len(file)
        return named(file)


def do_task(task: Json, due: Optional[float], cold: bool, trainer: Any) -> str:
    watch = Stopwatch()
    watch.ms["coldStartMs"] = 1_000 * (time.monotonic() - STARTED) if cold else 0.0
    watch.ms["queueWaitMs"] = max(0.0, 1_000 * (time.time() - due) - watch.ms["coldStartMs"]) if due else 0.0
    grant = watch.time("claimMs", lambda: call("/claim", {**task, "coldStart": cold, "release": RELEASE}))
    try:
        brought = trained(task, grant, watch, trainer)
    except (NothingToDo, TryLater):
        raise
    except Exception as error:
        brought = {"result": {"kind": "failure", "failure": told(error)}}
    report = {
        **task,
        "attempt": grant["attempt"],
        "sentAt": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        "coldStart": cold,
        "timings": watch.ms,
        "bytesDown": watch.bytes_down,
        "bytesUp": watch.bytes_up,
        "peakRssMib": peak_mib(),
        **brought,
    }
    return str(call("/report", report)["status"])


def told(error: Exception) -> Json:
    """What other organisations read of an error; all of it is in this client's own log."""
    log.error("this cannot be done", exc_info=error)
    if isinstance(error, CannotTrain):
        return {"code": "failed-precondition", "reason": error.reason, "message": str(error)[:2_000]}
    if isinstance(error, MemoryError):
        message = "The client has too little memory for this model, batch and data set."
        return {"code": "resource-exhausted", "reason": "out-of-memory", "message": message}
    if isinstance(error, TryLater):
        message = "Something that the client needs did not answer."
        return {"code": "unavailable", "reason": "not-now", "message": message}
    message = "The client failed unexpectedly; its own log has the details."
    return {"code": "internal", "reason": "internal", "message": message}


def held_out(x: np.ndarray, y: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Which rows are never trained on: by a hash of the seed and the row, so that new rows move no others."""

    def place(row: np.ndarray, label: np.ndarray) -> float:
        digest = hashlib.blake2b(row.tobytes() + label.tobytes(), digest_size=8, key=str(seed).encode())
        return int.from_bytes(digest.digest(), "big") / 2**64

    places = np.array([place(row, label) for row, label in zip(x, y)])
    if len(np.unique(places)) < 2:
        return np.zeros(len(x), bool)
    held = places < share
    # One at least, and not all of them.
    return held if 0 < held.sum() < len(x) else places == places.min()


#: What the names of metrics have to be.
METRIC_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")
MAX_METRICS = 32
LARGEST_SCORE = 1e30


def scored(job: Job, held: np.ndarray, asked: Json, grant: Json, trainer: Any) -> Json:
    """What the report says of the version that the client was given, before any training."""
    x, y = job.data
    if len(x) < 2:
        return {"evaluationLeftOut": "too-few-rows"}
    if not held.any():
        return {"evaluationLeftOut": "rows-alike"}
    if held.sum() < asked["minSamples"]:
        return {"evaluationLeftOut": "too-few-samples"}
    found = trainer.evaluate(job.parameters, (x[held], y[held]), job.topology)
    metrics = {name: float(value) for name, value in found.items()}
    if not all(np.isfinite(value) and abs(value) <= LARGEST_SCORE for value in metrics.values()):
        return {"evaluationLeftOut": "not-finite"}
    if len(metrics) > MAX_METRICS or not all(METRIC_NAME.fullmatch(name) for name in metrics):
        log.error("metrics have 1 to 40 letters, digits and _ . - after a letter, and are 32 at most")
        return {"evaluationLeftOut": "failed"}
    return {"evaluation": {"version": grant["baseVersion"], "samples": int(held.sum()), "metrics": metrics}}


def peak_mib() -> float:
    if resource is None:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1_024 if sys.platform == "linux" else peak / 2**20


#: What names of clients and of data sets are made of: they become parts of paths.
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def loaded(task: Json, grant: Json, trainer: Any) -> Any:
    """The data set that the grant names. A name that is a path would lead to another file of the owner's."""
    client, data = task["clientId"], grant.get("data")
    for name in (client, "default" if data is None else data):
        if not isinstance(name, str) or NAME.fullmatch(name) is None:
            raise CannotTrain("The grant names a client or a data set by what is not a name.", BAD_GRANT)
    return trainer.load(client, data)


def trained(task: Json, grant: Json, watch: Stopwatch, trainer: Any) -> Json:
    """Trains, uploads, and says what came of it: `result` of a report, and the score if it is asked for."""
    state = grant.get("clientState")
    own = [parameter["name"] for parameter in grant["parameters"] if parameter.get("local")]
    # Nothing is trained that could not be handed in.
    for link in (grant["model"], grant["update"], *([] if state is None else [state["next"]])):
        checked(link)
    if state is not None and not own:
        why = "The run's training method keeps tensors between rounds, which this client does not."
        raise CannotTrain(why, UNSUPPORTED)
    parts = parts_of(grant)
    before, topology = version_of(grant, watch), topology_of(grant, watch)
    if state is not None and state["previous"] is not None:
        before.update(kept_of(state["previous"], {name: before[name].shape for name in own}, watch))

    deadline = datetime.fromisoformat(grant["deadlineAt"].replace("Z", "+00:00")).timestamp()
    # Time to upload and report what is done.
    margin = 1.0 + 2 * watch.ms["downloadMs"] / 1_000
    stops = grant["onDeadline"] == "submit-partial"
    job = Job(
        parameters=before,
        data=watch.time("dataMs", lambda: loaded(task, grant, trainer)),
        settings=grant["training"],
        parts=parts,
        topology=topology,
        rng=np.random.default_rng([grant["seed"], task["round"], *task["clientId"].encode()]),
        out_of_time=lambda: stops and time.time() > deadline - margin,
    )
    score: Json = {}
    asked = grant.get("evaluation")
    if asked is not None:
        x, y = job.data
        held = held_out(x, y, asked["share"], grant["seed"])
        score = watch.time("evaluateMs", lambda: scored(job, held, asked, grant, trainer))
        job.data = (x[~held], y[~held])

    done = watch.time("trainMs", lambda: trainer.train(job))
    if done.steps == 0:
        raise CannotTrain("The deadline had passed before the first step.", "no-time")
    after = kept_to(job, done.parameters)

    result: Json = {"kind": "update"}
    if state is not None:
        kept = {f"local/{name}": after[name].astype("<f4") for name in own}
        if not all(np.isfinite(values).all() for values in kept.values()):
            # It would be what every later training of this client starts from.
            raise CannotTrain("Training diverged: lower the learning rate or check the data.", "diverged")
        state_file = encode_safetensors(kept, {"baseVersion": str(grant["baseVersion"])})
        result["clientState"] = watch.upload(state["next"], state_file)
    pointer = watch.upload(grant["update"], update_file(grant, job, after))
    result["update"] = {"attempt": grant["attempt"], **pointer}
    result["training"] = {
        "samples": int(done.samples),
        "steps": int(done.steps),
        "partial": bool(done.partial),
        "lossBefore": finite(done.loss_before),
        "lossAfter": finite(done.loss_after),
        "backend": BACKEND,
    }
    return {"result": result, **score}


def kept_of(previous: Json, own: Mapping[str, Tuple[int, ...]], watch: Stopwatch) -> Arrays:
    """The parameters that are this client's own, as its last report that counted has left them."""
    file = watch.download(previous["link"], previous["sizeBytes"])
    if hashlib.sha256(file).hexdigest() != previous["sha256"]:
        raise CannotTrain("The client's state is not what its last report has named.", BAD_GRANT)
    kept = decode_safetensors(file, {f"local/{name}": shape for name, shape in own.items()})
    return {name[len("local/") :]: values for name, values in kept.items()}


BACKEND = f"numpy {np.__version__}"


def named(file: bytes) -> Json:
    return {"sizeBytes": len(file), "sha256": hashlib.sha256(file).hexdigest()}


def finite(value: float) -> Optional[float]:
    return float(value) if np.isfinite(value) else None


# ---- a check, before any round -----------------------------------------------------------------------------

#: Steps that a check trains: the first warms up, the others are timed.
CHECK_STEPS = 4
MAX_PROBLEMS = 8


def do_check(task: Json, cold: bool, trainer: Any) -> str:
    """Tries what a round would take, uploads nothing, and reports counts, sizes and times, no values."""
    watch = Stopwatch()
    watch.ms["coldStartMs"] = 1_000 * (time.monotonic() - STARTED) if cold else 0.0
    grant = call("/claim-check", {**task, "release": RELEASE})
    problems: List[Json] = []

    def attempt(work: Callable[[], Any]) -> Any:
        """Each part is tried whatever became of the others, so that all problems are told at once."""
        try:
            return work()
        except Exception as error:
            problems.append(told(error))
            return None

    client, run = task["clientId"], grant.get("run")
    data = attempt(lambda: watch.time("dataMs", lambda: loaded(task, grant, trainer)))
    steps = None if run is None else attempt(lambda: some_steps(client, run, data, watch, trainer))
    x, y = (None, None) if data is None else data
    facts = {
        "release": RELEASE,
        "coldStart": cold,
        "coldStartMs": watch.ms["coldStartMs"],
        "backend": BACKEND,
        "memoryMib": None,
        "peakRssMib": peak_mib(),
        "dataMs": None if data is None else watch.ms["dataMs"],
        "samples": None if x is None else len(x),
        "isStream": None if x is None else False,
        "inputShape": None if x is None else list(x.shape[1:]),
        "targetShape": None if y is None else list(y.shape[1:]),
        "classes": classes_of(y),
        "rows": None,
        "steps": 0 if steps is None else len(steps),
        "stepMs": None if not steps else float(np.mean(steps[1:] or steps)),
        "warmUpMs": None if not steps else max(0.0, steps[0] - float(np.mean(steps[1:] or steps))),
    }
    report = {**task, "facts": facts, "problems": problems[:MAX_PROBLEMS]}
    return str(call("/report-check", report)["status"])


def classes_of(y: Optional[np.ndarray]) -> Optional[int]:
    """How many different labels there are, where they are class numbers."""
    return len(np.unique(y)) if y is not None and y.ndim == 1 and y.dtype.kind in "iu" else None


def some_steps(client: str, run: Json, data: Any, watch: Stopwatch, trainer: Any) -> Optional[List[float]]:
    """How long each of a few steps of training takes, in ms; None where there are no data to train on."""
    before = version_of(run, watch)
    topology = topology_of(run, watch)
    if data is None:
        return None  # Told already.
    began: List[float] = []

    def enough() -> bool:
        began.append(time.monotonic())
        return len(began) > CHECK_STEPS

    rng = np.random.default_rng([run["seed"], 1, *client.encode()])
    job = Job(before, data, run["training"], parts_of(run), topology, rng, enough)
    kept_to(job, trainer.train(job).parameters)
    if len(began) <= CHECK_STEPS:  # Its last step has ended, and none began after it.
        began.append(time.monotonic())
    return [1_000 * (end - start) for start, end in zip(began, began[1:])]


# ---- the server --------------------------------------------------------------------------------------------

MAX_TASK_BYTES = 2**16


#: What makes a task one, by the path that it comes to.
TASK_KEYS = {"/": ("runId", "round", "clientId"), "/check": ("clientId", "number")}


def task_in(body: bytes, keys: Tuple[str, ...]) -> Optional[Json]:
    """These keys of the body, where it has them; it may have others."""
    try:
        task = json.loads(body)
        return {key: task[key] for key in keys}
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def moment_of(eta: Optional[str]) -> Optional[float]:
    """When the queue was to send the task, in seconds since 1970; None where it does not say."""
    try:
        moment = float(eta or "")
        return moment if np.isfinite(moment) else None
    except ValueError:
        return None


def serve(trainer: Any, host: str, port: int) -> None:
    """Answers the task queue on this port until the process is ended."""
    first = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        #: Of a caller that sends nothing, in seconds.
        timeout = 60

        def do_POST(self) -> None:
            length = self.headers.get("content-length") or "0"
            if not length.isdecimal() or int(length) > MAX_TASK_BYTES:
                self.close_connection = True
                return self.reply(413, "a task is shorter than that")
            body = self.rfile.read(int(length))
            try:
                # Where the first of them comes, the platform has looked at it alone.
                own = self.headers.get("x-serverless-authorization")
                if not is_queue(self.headers.get("authorization") if own is None else own):
                    return self.reply(403, "only the task queue may call this")
                cold = first.acquire(False)
                if self.path == "/warm":
                    return self.reply(200, "it is warm")
                keys = TASK_KEYS.get(self.path)
                if keys is None:
                    return self.reply(404, "there is no such path")
                task = task_in(body, keys)
                if task is None:
                    return self.reply(400, "this is no task")
                if self.path == "/check":
                    return self.reply(200, do_check(task, cold, trainer))
                due = moment_of(self.headers.get("x-cloudtasks-tasketa"))
                self.reply(200, do_task(task, due, cold, trainer))
            except NothingToDo:
                self.reply(200, "nothing to do")
            except TryLater as error:
                log.warning("the task is to come again: %s", error)
                self.reply(503, "not now")
            except Exception:
                log.exception("the task is to come again")
                self.reply(503, "not now")

        def reply(self, status: int, text: str) -> None:
            body = json.dumps({"result": text}).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, form: str, *args: Any) -> None:
            log.info(form, *args)

    ThreadingHTTPServer((host, port), Handler).serve_forever()
