# Makes validationShare.json: which rows a client validates on, as a client in Python finds them.
#   python3 -m venv venv && venv/bin/pip install mmh3==5.3.0 numpy==2.4.6
#   venv/bin/python test/vectors/validationShare.py > test/vectors/validationShare.json
import json
import struct

import mmh3
import numpy as np

random = np.random.default_rng(20261129)


def hashes(x, y, seed):
    """The hash of each row, as docs/client-protocol.md has it."""
    start = struct.pack("<Q", seed)
    return [
        mmh3.hash(start + x[i].astype("<f4").tobytes() + y[i].astype("<f4").tobytes(), 0, signed=False)
        for i in range(len(x))
    ]


def case(x, y, seed):
    x, y = np.asarray(x, np.float32), np.asarray(y, np.float32)
    return {
        "seed": seed,
        "x": {"shape": list(x.shape), "values": x.ravel().tolist()},
        "y": {"shape": list(y.shape), "values": y.ravel().tolist()},
        "hashes": hashes(x, y, seed),
    }


print(
    json.dumps(
        {
            "made by": "test/vectors/validationShare.py",
            "cases": [
                case(random.normal(0, 1, (12, 3)), random.integers(0, 10, 12), 1),
                case(random.normal(0, 1, (4, 2, 2, 1)), random.normal(0, 1, (4, 2)), 7),
                case([[0.0], [-0.0], [1e-45], [3.4e38], [16777217]], [[0], [1], [0], [1], [0]], 0),
                case([[1.5, 2.5]], [3], 2**53 - 1),
                case([[1.5, 2.5]], [3], 2**32),
            ],
        },
        indent=1,
    )
)
