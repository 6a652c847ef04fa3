"""A client of FedStratus with the standard library and NumPy: it does what docs/client-protocol.md says.

Nothing here knows a model: `train.py` beside it reads the data and trains. Start it with `python3 main.py`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import logging
import os
import resource
import ssl
import struct
import sys
import threading
import time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple
from urllib.parse import quote, urlsplit

import numpy as np

#: The release of the client protocol that this file knows.
RELEASE = 3

STARTED = time.time()
log = logging.getLogger("fedstratus")
Json = Dict[str, Any]
Arrays = Dict[str, np.ndarray]


class CannotTrain(Exception):
    """Another try would end the same. The message is reported to the run's operator: no data, no paths in it.

    `reason` is one of those in docs/operate.md: after one that lasts the client sits out some rounds.
    """

    def __init__(self, message: str, reason: str = "training-failed"):
        super().__init__(message)
        self.reason = reason


#: Reasons that several failures have.
BAD_GRANT = "bad-grant"
UNSUPPORTED = "unsupported-model"


class TryLater(Exception):
    """Another try may end otherwise: the queue is answered 503."""


class NothingToDo(Exception):
    """The task is over, whatever came of it: the queue is answered 200."""


# ---- safetensors: https://huggingface.co/docs/safetensors --------------------------------------------------

DTYPES = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "I8": np.dtype("i1")}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
MAX_HEADER_BYTES = 2**20


def encode_safetensors(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    """A file of these tensors: 8 bytes of length, a JSON header, and the values one after the other."""
    # Widest first, so that all are aligned.
    ordered = sorted(tensors.items(), key=lambda item: (-item[1].dtype.itemsize, item[0]))
    header: Json = {"__metadata__": dict(metadata)}
    parts: List[bytes] = []
    at = 0
    for name, values in ordered:
        part = np.ascontiguousarray(values).tobytes()
        header[name] = {
            "dtype": NAMES[values.dtype],
            "shape": list(values.shape),
            "data_offsets": [at, at + len(part)],
        }
        parts.append(part)
        at += len(part)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(parts)


def decode_safetensors(file: bytes, shapes: Mapping[str, Tuple[int, ...]]) -> Arrays:
    """The float32 tensors of a file, which must be exactly those of `shapes`. Raises CannotTrain otherwise."""
    try:
        (length,) = struct.unpack_from("<Q", file)
        if length > MAX_HEADER_BYTES:
            raise ValueError("header")
        header = json.loads(file[8 : 8 + length].decode())
        header.pop("__metadata__", None)
        values = file[8 + length :]
        tensors: Arrays = {}
        for name, shape in shapes.items():
            entry = header.pop(name)
            begin, end = entry["data_offsets"]
            is_inside = 0 <= begin <= end <= len(values)
            if entry["dtype"] != "F32" or tuple(entry["shape"]) != shape or not is_inside:
                raise ValueError("tensor")
            tensors[name] = np.frombuffer(values[begin:end], DTYPES["F32"]).reshape(shape)
        if header:
            raise ValueError("more tensors")
        return tensors
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        # What lies behind a link may be something else: nothing of it is repeated.
        why = "What is behind a link of the grant is not the safetensors file that it says."
        raise CannotTrain(why, BAD_GRANT) from error


def largest_file(shapes: Mapping[str, Tuple[int, ...]]) -> int:
    return 8 + MAX_HEADER_BYTES + sum(4 * int(np.prod(shape, dtype=np.int64)) for shape in shapes.values())


# ---- HTTP: one request at a time, no redirects, exactly the headers that are given -------------------------

TIMEOUT_SECONDS = 60
PATIENCE_SECONDS = 30
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 5.0


class Answer:
    def __init__(self, status: int, body: bytes, retry_after: float):
        self.status, self.body, self.retry_after = status, body, retry_after


def send(
    method: str, url: str, headers: Mapping[str, str], body: Optional[bytes] = None, limit: int = 2**24
) -> Answer:
    """One request. Raises TryLater where there is no whole answer, CannotTrain for more than `limit` bytes."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    options = {"context": ssl.create_default_context()} if secure else {}
    connection = kind(parts.netloc, timeout=TIMEOUT_SECONDS, **options)
    try:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, path, body=body, headers=dict(headers))
        response = connection.getresponse()
        content = response.read(limit + 1)
        if len(content) > limit:
            raise CannotTrain(f"What is behind a link of the grant is larger than {limit} bytes.", BAD_GRANT)
        retry_after = response.getheader("retry-after") or ""
        return Answer(response.status, content, float(retry_after) if retry_after.isdigit() else 0.0)
    except (OSError, http.client.HTTPException) as error:
        raise TryLater(f"{parts.netloc} did not answer") from error
    finally:
        connection.close()


def patiently(act: Callable[[], Answer]) -> Answer:
    """Tries again what the other side cannot do now, with longer and longer pauses. Raises TryLater at last."""
    until = time.monotonic() + PATIENCE_SECONDS
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            answer = act()
            if answer.status != 429 and answer.status != 408 and answer.status < 500:
                return answer
            why, asked = f"HTTP {answer.status}", answer.retry_after
        except TryLater as error:
            why, asked = str(error), 0.0
        wait = max(pause, asked)
        # A longer pause is for the queue: nothing is paid for while it waits.
        if asked > LONGEST_PAUSE_SECONDS or time.monotonic() + wait > until:
            raise TryLater(why)
        time.sleep(wait)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


# ---- who is who --------------------------------------------------------------------------------------------

CERTS_URL = os.environ.get("OIDC_CERTS_URL", "https://www.googleapis.com/oauth2/v3/certs")
METADATA_HOST = os.environ.get("GCE_METADATA_HOST", "169.254.169.254")
ISSUERS = ("https://accounts.google.com", "accounts.google.com")
#: DER of "this is a SHA-256", which a signature of RS256 holds before the hash (RFC 8017, 9.2).
SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")
#: What a region may put in the place of a signature that it has verified.
REMOVED = "SIGNATURE_REMOVED_BY_GOOGLE"
CLOCK_SECONDS = 30

tokens: Dict[str, Tuple[str, float]] = {}
keys: Dict[str, Tuple[int, int]] = {}
#: Keys are fetched again for a token that names another one, and no more often than this.
KEYS_SECONDS = 30
keys_fetched = -float(KEYS_SECONDS)
lock = threading.Lock()


def bytes_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number_of(text: str) -> int:
    return int.from_bytes(bytes_of(text), "big")


def claims_of(token: str) -> Json:
    return json.loads(bytes_of(token.split(".")[1]))


def own_token(audience: str) -> str:
    """An identity token of this client's service account, kept until five minutes before it expires."""
    with lock:
        value, expires = tokens.get(audience, ("", 0.0))
        if time.time() < expires - 300:
            return value
        account = f"http://{METADATA_HOST}/computeMetadata/v1/instance/service-accounts/default"
        url = f"{account}/identity?format=full&audience={quote(audience, safe='')}"
        answer = patiently(lambda: send("GET", url, {"Metadata-Flavor": "Google"}))
        if answer.status != 200:
            raise TryLater(f"no token for this client: HTTP {answer.status}")
        value = answer.body.decode().strip()
        tokens[audience] = (value, float(claims_of(value)["exp"]))
        return value


def is_queue(authorization: Optional[str]) -> bool:
    """Whether the call is the task queue's: a token for this address, of TASK_INVOKER, signed by Google.

    A platform that checks callers itself (Cloud Run with --no-allow-unauthenticated) may remove the signature:
    CALLERS_CHECKED_BY_REGION=true says that it does, and its word is taken then.
    """
    try:
        scheme, token = (authorization or "").split(" ", 1)
        head, body, signature = token.strip().split(".")
        if scheme.lower() != "bearer":
            return False
        checked = os.environ.get("CALLERS_CHECKED_BY_REGION") == "true" and signature == REMOVED
        if not checked and not is_signed(head, body, signature):
            return False
        claims = claims_of(token)
        now = time.time()
        return (
            claims["iss"] in ISSUERS
            and claims["aud"].rstrip("/") == os.environ["CLIENT_URL"].rstrip("/")
            and claims["iat"] - CLOCK_SECONDS <= now <= claims["exp"] + CLOCK_SECONDS
            and claims.get("email_verified") is True
            and str(claims["email"]).lower() == os.environ["TASK_INVOKER"].lower()
        )
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return False


def is_signed(head: str, body: str, signature: str) -> bool:
    """RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, 8.2.2), by comparing with the only block that it can be."""
    header = json.loads(bytes_of(head))
    if header.get("alg") != "RS256":
        return False
    key = key_of(str(header.get("kid")))
    if key is None:
        return False
    modulus, exponent = key
    size = (modulus.bit_length() + 7) // 8
    given = bytes_of(signature)
    if len(given) != size:
        return False
    block = pow(int.from_bytes(given, "big"), exponent, modulus).to_bytes(size, "big")
    digest = SHA256_PREFIX + hashlib.sha256(f"{head}.{body}".encode()).digest()
    expected = b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest
    return hmac.compare_digest(block, expected)


def key_of(kid: str) -> Optional[Tuple[int, int]]:
    global keys_fetched
    with lock:
        if kid not in keys and time.monotonic() - keys_fetched >= KEYS_SECONDS:
            found = json.loads(patiently(lambda: send("GET", CERTS_URL, {})).body)["keys"]
            keys_fetched = time.monotonic()
            keys.clear()
            for key in found:
                if key.get("kty") == "RSA":
                    keys[key["kid"]] = (number_of(key["n"]), number_of(key["e"]))
        return keys.get(kid)


# ---- links -------------------------------------------------------------------------------------------------

LINK_ORIGIN = os.environ.get("LINK_ORIGIN", "https://storage.googleapis.com").rstrip("/")
LINK_HEADERS = {"content-type", "x-goog-content-length-range", "x-goog-if-generation-match"}


def checked(link: Json) -> Json:
    """The link, where it leads to the storage with the headers of one: no grant may send us elsewhere."""
    parts = urlsplit(link["url"])
    if f"{parts.scheme}://{parts.netloc}" != LINK_ORIGIN:
        raise CannotTrain(f"A link of the grant does not lead to {LINK_ORIGIN} (LINK_ORIGIN).", BAD_GRANT)
    if not LINK_HEADERS.issuperset(name.lower() for name in link["headers"]):
        raise CannotTrain("A link of the grant has a header that signed links never have.", BAD_GRANT)
    return link


def download(link: Json, limit: int) -> bytes:
    checked(link)
    answer = patiently(lambda: send("GET", link["url"], link["headers"], limit=limit))
    if answer.status != 200:
        raise TryLater(f"a link cannot be read: HTTP {answer.status}")
    return answer.body


def upload(link: Json, file: bytes) -> None:
    checked(link)
    answer = patiently(lambda: send("PUT", link["url"], link["headers"], file))
    # 412: it is there already, by an earlier try of this attempt whose answer was lost.
    if answer.status not in (200, 412):
        raise TryLater(f"an upload was not taken: HTTP {answer.status}")


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


def update_file(grant: Json, before: Arrays, after: Arrays, rng: np.random.Generator) -> bytes:
    roles = {p["name"]: p.get("role", "trained") for p in grant["parameters"] if not p.get("local")}
    moved = [name for name, role in roles.items() if role == "trained"]
    delta = {name: (after[name] - before[name]).astype("<f4") for name in moved}
    if not all(np.isfinite(values).all() for values in delta.values()):
        raise CannotTrain("Training diverged: lower the learning rate or check the data.", "diverged")
    statistics = {name: after[name].astype("<f4") for name, role in roles.items() if role == "statistic"}
    tensors = encoded(transformed(delta, grant.get("transforms", [])), grant["encoding"], rng)
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

def call(path: str, body: Json) -> Json:
    """A call of the coordinator, as ourselves."""
    url = os.environ["COORDINATOR_URL"].rstrip("/")

    def once() -> Answer:
        headers = {"authorization": f"Bearer {own_token(url)}", "content-type": "application/json"}
        return send("POST", url + path, headers, json.dumps(body).encode())

    answer = patiently(once)
    if answer.status == 200:
        return json.loads(answer.body)
    if answer.status in (403, 404, 409):
        level = logging.INFO if answer.status == 409 else logging.ERROR
        log.log(level, "%s was refused: HTTP %d %s", path, answer.status, answer.body[:500])
        raise NothingToDo(path)
    log.error("%s was not accepted: HTTP %d %s", path, answer.status, answer.body[:500])
    if answer.status == 401:
        raise TryLater(f"{path}: HTTP 401")
    raise NothingToDo(path)


class Stopwatch:
    """Where the time goes, in ms."""

    def __init__(self) -> None:
        phases = ("queueWaitMs", "coldStartMs", "claimMs", "downloadMs", "dataMs", "trainMs", "uploadMs")
        self.ms = {phase: 0.0 for phase in phases}

    def time(self, phase: str, work: Callable[[], Any]) -> Any:
        started = time.monotonic()
        try:
            return work()
        finally:
            self.ms[phase] = self.ms.get(phase, 0.0) + 1_000 * (time.monotonic() - started)


def do_task(task: Json, due: Optional[float], cold: bool, trainer: Any) -> str:
    place = {key: task[key] for key in ("runId", "round", "clientId")}
    watch = Stopwatch()
    watch.ms["coldStartMs"] = 1_000 * (time.time() - STARTED) if cold else 0.0
    watch.ms["queueWaitMs"] = max(0.0, 1_000 * (time.time() - due) - watch.ms["coldStartMs"]) if due else 0.0
    grant = watch.time("claimMs", lambda: call("/claim", {**place, "coldStart": cold, "release": RELEASE}))
    moved = {"bytesDown": 0, "bytesUp": 0}
    try:
        brought = trained(place, grant, watch, moved, trainer)
    except CannotTrain as error:
        log.exception("the task cannot be done")
        failure = {"code": "failed-precondition", "reason": error.reason, "message": str(error)[:2_000]}
        brought = {"result": {"kind": "failure", "failure": failure}}
    except (NothingToDo, TryLater):
        raise
    except Exception:  # Whatever it is, it is for the owner's log only.
        log.exception("training failed")
        message = "The client failed unexpectedly; its own log has the details."
        failure = {"code": "internal", "reason": "internal", "message": message}
        brought = {"result": {"kind": "failure", "failure": failure}}
    report = {
        **place,
        "attempt": grant["attempt"],
        "sentAt": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        "coldStart": cold,
        "timings": watch.ms,
        **moved,
        "peakRssMib": peak_mib(),
        **brought,
    }
    return call("/report", report)["status"]


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


def scored(before: Arrays, x: np.ndarray, y: np.ndarray, asked: Json, grant: Json, trainer: Any) -> Json:
    """What the report says of the version that the client was given, before any training."""
    if len(x) == 0:
        return {"evaluationLeftOut": "rows-alike"}
    if len(x) < asked["minSamples"]:
        return {"evaluationLeftOut": "too-few-samples"}
    metrics = trainer.evaluate(before, (x, y))
    if not all(np.isfinite(value) for value in metrics.values()):
        return {"evaluationLeftOut": "not-finite"}
    return {"evaluation": {"version": grant["baseVersion"], "samples": len(x), "metrics": metrics}}


def peak_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1_024 if sys.platform == "linux" else peak / 2**20


def trained(place: Json, grant: Json, watch: Stopwatch, moved: Json, trainer: Any) -> Json:
    """Trains, uploads, and says what came of it: `result` of a report, and the score where it is asked for."""
    if "covers" in grant:
        raise CannotTrain("This client trains all parameters, and not parts of them.", UNSUPPORTED)
    for link in (grant["model"], grant["update"]):
        checked(link)
    parameters = grant["parameters"]
    shapes = {parameter["name"]: tuple(parameter["shape"]) for parameter in parameters}
    file = watch.time("downloadMs", lambda: download(grant["model"], largest_file(shapes)))
    moved["bytesDown"] += len(file)
    before = decode_safetensors(file, shapes)

    # Parameters that are this client's own: those of its last report that counted, the version's at first.
    own = {f"local/{name}": shapes[name] for name in (p["name"] for p in parameters if p.get("local"))}
    previous = (grant.get("clientState") or {}).get("previous")
    if previous is not None:
        kept_file = watch.time("downloadMs", lambda: download(previous["link"], previous["sizeBytes"]))
        moved["bytesDown"] += len(kept_file)
        if hashlib.sha256(kept_file).hexdigest() != previous["sha256"]:
            raise CannotTrain("The client's state is not what its last report has named.", BAD_GRANT)
        kept = decode_safetensors(kept_file, own)
        before = {**before, **{name[len("local/") :]: values for name, values in kept.items()}}

    x, y = watch.time("dataMs", lambda: trainer.load(place["clientId"], grant.get("data")))
    asked = grant.get("evaluation")
    score: Json = {}
    if asked is not None:
        held = held_out(x, y, asked["share"], grant["seed"])
        score = watch.time("evaluateMs", lambda: scored(before, x[held], y[held], asked, grant, trainer))
        x, y = x[~held], y[~held]
    data = (x, y)
    deadline = datetime.fromisoformat(grant["deadlineAt"].replace("Z", "+00:00")).timestamp()
    # Time to upload and report what is done.
    margin = 1.0 + 2 * watch.ms["downloadMs"] / 1_000
    stops = grant["onDeadline"] == "submit-partial"
    rng = np.random.default_rng([grant["seed"], place["round"], *place["clientId"].encode()])
    frozen = {p["name"] for p in parameters if p.get("role") == "frozen"}

    def out_of_time() -> bool:
        return stops and time.time() > deadline - margin

    settings = grant["training"]
    done = watch.time("trainMs", lambda: trainer.train(before, data, settings, frozen, rng, out_of_time))
    if done.steps == 0:
        raise CannotTrain("The deadline had passed before the first step.", "no-time")
    # What is frozen stays, whatever was trained.
    after = {name: before[name] if name in frozen else values for name, values in done.parameters.items()}

    result: Json = {"kind": "update"}
    if "clientState" in grant:
        if not own:
            why = "The run's training method keeps tensors between rounds, which this client does not."
            raise CannotTrain(why, UNSUPPORTED)
        state = {name: after[name[len("local/") :]].astype("<f4") for name in own}
        state_file = encode_safetensors(state, {"baseVersion": str(grant["baseVersion"])})
        watch.time("uploadMs", lambda: upload(grant["clientState"]["next"], state_file))
        moved["bytesUp"] += len(state_file)
        result["clientState"] = named(state_file)
    file = update_file(grant, before, after, rng)
    watch.time("uploadMs", lambda: upload(grant["update"], file))
    moved["bytesUp"] += len(file)
    result["update"] = {"attempt": grant["attempt"], **named(file)}
    result["training"] = {
        "samples": done.samples,
        "steps": done.steps,
        "partial": done.partial,
        "lossBefore": finite(done.loss_before),
        "lossAfter": finite(done.loss_after),
        "backend": f"numpy {np.__version__}",
    }
    return {"result": result, **score}


def named(file: bytes) -> Json:
    return {"sizeBytes": len(file), "sha256": hashlib.sha256(file).hexdigest()}


def finite(value: float) -> Optional[float]:
    return float(value) if np.isfinite(value) else None


# ---- the server --------------------------------------------------------------------------------------------

MAX_TASK_BYTES = 2**16


def serve(trainer: Any, host: str, port: int) -> None:
    """Answers the task queue on this port until the process is ended."""
    first = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            if length > MAX_TASK_BYTES:
                self.close_connection = True
                return self.reply(413, "")
            body = self.rfile.read(length)
            try:
                # Where the first of them comes, the platform has looked at it alone.
                own = self.headers.get("x-serverless-authorization")
                if not is_queue(self.headers.get("authorization") if own is None else own):
                    return self.reply(403, "only the task queue may call this")
                cold = first.acquire(False)
                if self.path == "/warm":
                    return self.reply(200, "it is warm")
                if self.path != "/":
                    return self.reply(404, "there is no such path")
                eta = self.headers.get("x-cloudtasks-tasketa")
                self.reply(200, do_task(json.loads(body), float(eta) if eta else None, cold, trainer))
            except NothingToDo:
                self.reply(200, "nothing to do")
            except TryLater as error:
                log.warning("the task is to come again: %s", error)
                self.reply(503, "not now")
            except (ValueError, KeyError, TypeError):
                log.exception("this is no task")
                self.reply(400, "this is no task")

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
