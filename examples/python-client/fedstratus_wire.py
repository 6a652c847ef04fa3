"""What crosses the network: errors, safetensors, HTTP, identity tokens, the links of a grant and calls of the
coordinator, with the standard library and NumPy.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import logging
import math
import os
import ssl
import struct
import threading
import time
from email.utils import parsedate_to_datetime
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple
from urllib.parse import quote, urlsplit

import numpy as np

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
    """The float32 tensors of a file, which must be exactly those of `shapes`; else raises CannotTrain."""
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
    except (struct.error, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        # What lies behind a link may be something else: nothing of it is repeated.
        why = "What is behind a link of the grant is not the safetensors file that it says."
        raise CannotTrain(why, BAD_GRANT) from error


def largest_file(shapes: Mapping[str, Tuple[int, ...]]) -> int:
    return 8 + MAX_HEADER_BYTES + sum(4 * math.prod(shape) for shape in shapes.values())


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
    """One request. Raises TryLater where there is no whole answer, CannotTrain beyond `limit` bytes."""
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
        return Answer(response.status, content, seconds_of(response.getheader("retry-after") or ""))
    except (OSError, http.client.HTTPException) as error:
        raise TryLater(f"{parts.netloc} did not answer") from error
    finally:
        connection.close()


def seconds_of(retry_after: str) -> float:
    """A number of seconds, or a date (RFC 9110, 10.2.3); what is neither says nothing."""
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (TypeError, ValueError, IndexError):
        return 0.0


def patiently(act: Callable[[], Answer]) -> Answer:
    """Tries again what cannot be done now, with longer and longer pauses; at last raises TryLater."""
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

    A platform that checks callers itself (Cloud Run with --no-allow-unauthenticated) may remove it again:
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
    if answer.status in (200, 412):
        return
    # Of a link that has expired, the next claim brings a new one; a file too large stays too large.
    if answer.status == 413 or (answer.status == 400 and b"ExpiredToken" not in answer.body):
        why = f"The storage did not take what the client made: HTTP {answer.status}."
        raise CannotTrain(why, "storage-refused")
    raise TryLater(f"an upload was not taken: HTTP {answer.status}")


# ---- calls of the coordinator ------------------------------------------------------------------------------

def call(path: str, body: Json) -> Json:
    """A call of the coordinator, as ourselves."""
    url = os.environ["COORDINATOR_URL"].rstrip("/")

    def once() -> Answer:
        headers = {"authorization": f"Bearer {own_token(url)}", "content-type": "application/json"}
        return send("POST", url + path, headers, json.dumps(body, allow_nan=False).encode())

    answer = patiently(once)
    if answer.status == 200:
        try:
            return dict(json.loads(answer.body))
        except (ValueError, TypeError, RecursionError) as error:
            raise TryLater(f"{path}: what answers is no coordinator") from error
    if answer.status in (403, 404, 409):
        level = logging.INFO if answer.status == 409 else logging.ERROR
        log.log(level, "%s was refused: HTTP %d %s", path, answer.status, answer.body[:500])
        raise NothingToDo(path)
    log.error("%s was not accepted: HTTP %d %s", path, answer.status, answer.body[:500])
    if answer.status == 401:
        raise TryLater(f"{path}: HTTP 401")
    raise NothingToDo(path)
