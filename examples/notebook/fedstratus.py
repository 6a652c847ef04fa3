"""FedStratus from Python: create runs, watch them, and read their rounds and weights.

One file for scripts and notebooks, to be copied beside them. It needs Python 3.10 or newer and nothing else; with
pandas, tables are DataFrames, and weights need NumPy.

    import fedstratus

    fed = fedstratus.connect()
    run = fed.create({"name": "first", "model": {"builtin": "mnist-cnn"},
                      "selection": {"strategy": "random", "cohortSize": 4}, "stop": {"rounds": 3}})
    run.start()
    for seen in run.watch():
        print(seen["status"], seen["round"], seen["accuracy"])
    run.rounds()                # a DataFrame
    run.weights("best")         # a dict of arrays
"""

from __future__ import annotations

import base64
import json
import os
import random
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["Error", "Federation", "Run", "connect", "read_safetensors"]

TIMEOUT_SECONDS = 60
"""How long one call may take."""
PATIENCE_SECONDS = 120
"""How long a call is tried again while an API that has answered before is away, or too busy."""
FIRST_PATIENCE_SECONDS = 5
"""The same before it has answered at all: its address may be wrong."""
PAGE = 1_000
RENEW_SECONDS = 300
"""A token is renewed so long before it expires."""
ENDED = ("completed", "cancelled", "failed")

Document = dict[str, Any]
Token = str | Callable[[str], str]


class Error(Exception):
    """What failed. `code` is a word such as not-found, `status` the answer's (0 where there was none), and `problems` says of
    each mistake in what was sent where it is (`path`) and what it is (`message`)."""

    def __init__(self, code: str, message: str, problems: list[Document] | None = None, status: int = 0) -> None:
        more = [p for p in problems or [] if p["message"] not in message]
        super().__init__(message + "".join(f"\n  {p['path']}: {p['message']}" for p in more))
        self.code = code
        self.message = message
        self.problems = problems or []
        self.status = status


def connect(api: str | None = None, token: Token | None = None, impersonate: str | None = None) -> Federation:
    """The federation whose API is at an address; without one, at that of the environment's API_URL.

    :param token: an identity token, or a function that gives one for an address. Without it: FEDSTRATUS_TOKEN, or the
        metadata server that GCE_METADATA_HOST names (as in a local cloud), or google-auth where it is installed.
    :param impersonate: the service account to act as, by google-auth: that of the deployment's output `operator`.
    :raises Error: `unauthenticated` where there is no identity.
    """
    address = (api or os.environ.get("API_URL", "")).rstrip("/")
    if not address.startswith(("http://", "https://")):
        raise Error("invalid-argument", "Name the API's address, or set API_URL to it: https://…")
    return Federation(address, _token_source(token, impersonate))


class Federation:
    """All runs of a deployment."""

    def __init__(self, api: str, token: Callable[[str], str]) -> None:
        self.api = api
        self._token = token
        self._has_answered = False

    def runs(self) -> list[Run]:
        """All runs, newest first."""
        return [Run(self, document["runId"]) for document in self._pages("/v1/runs", PAGE)]

    def run(self, run_id: str) -> Run:
        """The run of this id. Whether there is one shows when it is read."""
        return Run(self, run_id)

    def create(self, spec: Document, key: str | None = None) -> Run:
        """A new run. Its initial weights are made at once; `start` may be called before they are there.

        :param spec: as docs/spec.md describes it.
        :param key: makes repeating the call for a day do nothing more: it gives the same run.
        :raises Error: `invalid-argument` with every problem of the spec.
        """
        return Run(self, self._call("POST", "/v1/runs", spec, key)["runId"])

    def clients(self) -> list[Document]:
        """The registered clients, by name."""
        return list(self._pages("/v1/clients", PAGE))

    def _pages(self, path: str, limit: int) -> Iterator[Document]:
        cursor: str | None = ""
        while cursor is not None:
            query = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
            page = self._call("GET", f"{path}?{urllib.parse.urlencode(query)}")
            yield from page["items"]
            cursor = page["nextCursor"]

    def _call(self, method: str, path: str, body: Document | None = None, key: str | None = None) -> Any:
        """One call, tried again while the API is away: a key makes that harmless for a call that changes something."""
        headers = {"content-type": "application/json"}
        if method != "GET":
            headers["idempotency-key"] = key or str(uuid.uuid4())
        data = None if body is None else json.dumps(body).encode()

        def once() -> Any:
            identity = {"authorization": f"Bearer {self._token(self.api)}"}
            answer = json.loads(_request(method, self.api + path, headers | identity, data))
            self._has_answered = True
            return answer

        return _patiently(once, PATIENCE_SECONDS if self._has_answered else FIRST_PATIENCE_SECONDS)


class Run:
    """A run by its id."""

    def __init__(self, federation: Federation, run_id: str) -> None:
        self._federation = federation
        self.run_id = run_id
        self._path = f"/v1/runs/{urllib.parse.quote(run_id, safe='')}"

    def __repr__(self) -> str:
        return f"Run({self.run_id!r})"

    def read(self) -> Document:
        """The run as it is now: status, round, scores, cost, and its spec."""
        return self._federation._call("GET", self._path)

    def start(self) -> Document:
        """Let it advance by itself until its stop rule is met."""
        return self._act("start")

    def pause(self) -> Document:
        """Let the open round finish, and open no more."""
        return self._act("pause")

    def resume(self) -> Document:
        """Go on after a pause."""
        return self._act("resume")

    def cancel(self) -> Document:
        """End it."""
        return self._act("cancel")

    def _act(self, action: str) -> Document:
        return self._federation._call("POST", f"{self._path}/{action}")

    def watch(
        self, until: Callable[[Document], bool] | None = None, seconds: float = 2, slowest: float = 15
    ) -> Iterator[Document]:
        """The run as it is, and again each time that it has changed, until it has ended or `until(run)` is true.

        :param seconds: between two looks; while nothing changes, up to `slowest`.
        """
        before: Document | None = None
        pause = seconds
        while True:
            run = self.read()
            pause = seconds if run != before else min(slowest, pause * 1.5)
            if run != before:
                yield run
                if run["status"] in ENDED or (until is not None and until(run)):
                    return
                before = run
            time.sleep(pause)

    def rounds(self) -> Any:
        """A row a round, first to last: a DataFrame with pandas, else a list of dicts."""
        return _table([_round_row(document) for document in self._round_documents()])

    def invocations(self, round: int | None = None) -> Any:
        """A row an invocation, of one round or of all: a DataFrame with pandas, else a list of dicts."""
        numbers = [document["round"] for document in self._round_documents()] if round is None else [round]
        pages = (self._federation._pages(f"{self._path}/rounds/{number}/invocations", PAGE) for number in numbers)
        return _table([_invocation_row(document) for page in pages for document in page])

    def _round_documents(self) -> Iterator[Document]:
        # A round's document names its clients some times: with many of them a page of rounds is large.
        cohort = self.read()["spec"]["selection"]["cohortSize"]
        return self._federation._pages(f"{self._path}/rounds", max(1, min(200, 10_000 // cohort)))

    def weights(self, version: int | str = "latest") -> Document:
        """The arrays of a model version, by the names of its parameters.

        :param version: a number, 0 for the initial weights; or latest, or best.
        """
        return read_safetensors(self._download(f"{self._path}/models/{version}"))

    def topology(self) -> Document:
        """The layers that are trained, in the words of TensorFlow.js and Keras 2.

        :raises Error: `not-found` for a run that names its parameters only.
        """
        return json.loads(self._download(f"{self._path}/topology", "topology"))

    def _download(self, path: str, name: str | None = None) -> bytes:
        def once() -> bytes:
            links = self._federation._call("GET", path)
            # The link is its own authority: no identity goes with it.
            return _request("GET", (links if name is None else links[name])["url"], {}, None)

        return _patiently(once, PATIENCE_SECONDS)


# Tables


def _table(rows: list[Document]) -> Any:
    try:
        import pandas
    except ImportError:
        return rows
    frame = pandas.DataFrame(rows)
    for name in frame.columns:
        if name.endswith("At"):
            frame[name] = pandas.to_datetime(frame[name], utc=True, format="ISO8601")
    return frame


def _flat(document: Document, inner: tuple[str, ...]) -> Document:
    """What is one value each, with that of some objects within; what lists hold has documents of its own."""
    row = {name: value for name, value in document.items() if not isinstance(value, (dict, list))}
    for name in inner:
        row |= _flat(document.get(name) or {}, ())
    return row


def _round_row(document: Document) -> Document:
    row = _flat(document, ("counts", "costs", "timings"))
    row |= {f"metric_{name}": value for name, value in (document.get("metrics") or {}).items()}
    federated = (document.get("federated") or {}).get("metrics") or {}
    for name, spread in federated.items():
        row |= {f"federated_{name}_{of}": value for of, value in spread.items()}
    return row


def _invocation_row(document: Document) -> Document:
    row = _flat(document, ("training", "timings", "capacity"))
    row |= {f"metric_{name}": value for name, value in ((document.get("evaluation") or {}).get("metrics") or {}).items()}
    row |= {f"failure{name.capitalize()}": value for name, value in (document.get("failure") or {}).items()}
    return row


# Weights

_TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?", "BF16": "<u2",
}  # fmt: skip


def read_safetensors(file: bytes) -> Document:
    """The arrays of a safetensors file, by name. Those of bfloat16, which NumPy lacks, become float32.

    :raises Error: `data-loss` for a file that is cut, or is none.
    """
    try:
        import numpy
    except ImportError:
        raise Error("failed-precondition", "Weights are read with NumPy: pip install numpy") from None
    try:
        length = int.from_bytes(file[:8], "little")
        if 8 + length > len(file):
            raise ValueError("it is cut")
        header = json.loads(file[8 : 8 + length])
        header.pop("__metadata__", None)
        arrays = {}
        for name, about in header.items():
            begin, end = (8 + length + offset for offset in about["data_offsets"])
            if end > len(file):
                raise ValueError("it is cut")
            array = numpy.frombuffer(file[begin:end], _TYPES[about["dtype"]])
            if about["dtype"] == "BF16":
                array = (array.astype("<u4") << 16).view("<f4")
            arrays[name] = array.reshape(about["shape"])
    except (ValueError, KeyError, TypeError, AttributeError) as cause:
        raise Error("data-loss", f"This is no whole safetensors file: {cause}.") from cause
    return arrays


# Calls


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would hand the token on."""

    def redirect_request(self, *_: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirects)


def _request(method: str, url: str, headers: dict[str, str], data: bytes | None) -> bytes:
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with _opener.open(request, timeout=TIMEOUT_SECONDS) as response:
            return response.read()
    except urllib.error.HTTPError as answer:
        with answer:
            raise _refusal(answer.code, answer.read()) from None
    except (OSError, EOFError) as cause:  # What the network does, and answers that break off.
        host = urllib.parse.urlsplit(url).netloc
        raise Error("unavailable", f"Nothing answers at {host}: {cause}. Check the address, and that it is up.") from cause


def _refusal(status: int, body: bytes) -> Error:
    try:
        error = json.loads(body)["error"]
        return Error(error["code"], error["message"], error.get("problems"), status)
    except (ValueError, KeyError, TypeError):
        text = body[:500].decode(errors="replace").strip()
        code = "unavailable" if status in (429, 502, 503, 504) else "internal"
        return Error(code, f"It answered {status}: {text}", None, status)


def _patiently(call: Callable[[], Any], seconds: float) -> Any:
    """What a call gives, once the other side is there and has time for it."""
    until = time.monotonic() + seconds
    pause = 0.25
    while True:
        try:
            return call()
        except Error as error:
            passes = error.status in (429, 502, 503, 504) or (error.status == 0 and error.code == "unavailable")
            if not passes or time.monotonic() + pause > until:
                raise
        time.sleep(pause * random.uniform(1, 2))
        pause = min(5, pause * 2)


# Identity


def _token_source(token: Token | None, impersonate: str | None) -> Callable[[str], str]:
    if callable(token):
        return token
    given = token or os.environ.get("FEDSTRATUS_TOKEN", "")
    if given.strip():
        return lambda _: given.strip()
    host = os.environ.get("GCE_METADATA_HOST")
    if host and impersonate is None:
        return _cached(lambda audience: _from_metadata(host, audience))
    return _cached(_google_auth(impersonate))


def _cached(mint: Callable[[str], str]) -> Callable[[str], str]:
    held: dict[str, tuple[str, float]] = {}

    def token(audience: str) -> str:
        value, expires = held.get(audience, ("", 0.0))
        if time.time() > expires - RENEW_SECONDS:
            value = mint(audience)
            held[audience] = (value, _expiry(value))
        return value

    return token


def _expiry(token: str) -> float:
    """When a token expires, by its own words: whether it is good is the API's to say."""
    try:
        claims = token.split(".")[1]
        return float(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"])
    except (IndexError, ValueError, KeyError, TypeError):
        return 0.0


def _from_metadata(host: str, audience: str) -> str:
    query = urllib.parse.urlencode({"format": "full", "audience": audience})
    path = "computeMetadata/v1/instance/service-accounts/default/identity"
    return _request("GET", f"http://{host}/{path}?{query}", {"metadata-flavor": "Google"}, None).decode().strip()


def _google_auth(impersonate: str | None) -> Callable[[str], str]:
    try:
        import google.auth
        import google.auth.transport.requests
        from google.auth import impersonated_credentials
        from google.oauth2 import id_token
    except ImportError:
        raise Error(
            "unauthenticated",
            "There is no identity: pass token=…, set FEDSTRATUS_TOKEN, install google-auth and requests, or paste the exports "
            "that a local cloud prints.",
        ) from None

    def mint(audience: str) -> str:
        request = google.auth.transport.requests.Request()
        if impersonate is None:
            return id_token.fetch_id_token(request, audience)
        source, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
        target = impersonated_credentials.Credentials(
            source_credentials=source,
            target_principal=impersonate,
            target_scopes=["https://www.googleapis.com/auth/cloud-platform"],
        )
        identity = impersonated_credentials.IDTokenCredentials(target, target_audience=audience, include_email=True)
        identity.refresh(request)
        return identity.token

    return mint
