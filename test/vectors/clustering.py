# Makes clustering.json: what scikit-learn answers, to compare our clustering with.
#   python3 -m venv venv && venv/bin/pip install scikit-learn==1.9.1 numpy==2.4.6
#   venv/bin/python test/vectors/clustering.py > test/vectors/clustering.json
import json

import numpy as np
import sklearn
from sklearn.cluster import DBSCAN
from sklearn.metrics import calinski_harabasz_score
from sklearn.preprocessing import StandardScaler

random = np.random.default_rng(20261121)


def blobs(n, centres, spread):
    at = random.uniform(0, 10, (centres, 2))
    return at[random.integers(0, centres, n)] + random.normal(0, spread, (n, 2))


def fleet(n):
    """Durations of fast and slow clients, and penalties that most do not have: many points on one line."""
    seconds = np.where(random.random(n) < 0.3, 45, 12) * random.lognormal(0, 0.25, n)
    penalty = np.where(random.random(n) < 0.8, 0, random.uniform(5, 90, n))
    return np.column_stack([seconds, penalty])


SHAPES = {
    "uniform": random.uniform(0, 1, (120, 2)),
    "blobs": blobs(150, 4, 0.3),
    "outliers": np.vstack([blobs(80, 2, 0.2), random.uniform(-40, 40, (8, 2))]),
    "duplicates": np.repeat(random.integers(0, 6, (30, 2)) * 1.0, 3, axis=0),
    "lattice": np.array([[x, y] for x in range(9) for y in range(9)], dtype=float),
    "line": np.column_stack([random.normal(0, 1, 90), np.full(90, 3.25)]),
    "fleet": fleet(200),
    "pair": np.array([[0.0, 0.0], [1.0, 0.0]]),
    "one": np.array([[2.0, 5.0]]),
}
GRID = np.arange(0.01, 2, 0.1)


def search(points):
    scaled = StandardScaler().fit_transform(points)
    best = {"eps": None, "score": None, "labels": DBSCAN(eps=GRID[0], min_samples=2).fit_predict(scaled)}
    for eps in GRID:
        labels = DBSCAN(eps=eps, min_samples=2).fit_predict(scaled)
        if 1 < len(set(labels)) <= len(points) - 1:
            score = calinski_harabasz_score(scaled, labels)
            if best["score"] is None or score > best["score"]:
                best = {"eps": float(eps), "score": float(score), "labels": labels}
    return {**best, "labels": best["labels"].tolist()}


def labelled(points, eps, samples):
    labels = DBSCAN(eps=eps, min_samples=samples).fit_predict(points)
    scored = 1 < len(set(labels)) < len(points)
    score = float(calinski_harabasz_score(points, labels)) if scored else None
    return {"eps": eps, "minSamples": samples, "labels": labels.tolist(), "score": score}


def case(name, points):
    settings = [(eps, samples) for eps in (0.05, 0.3, 1.0, 5.0) for samples in (1, 2, 4, 9)]
    return {
        "name": name,
        "x": points[:, 0].tolist(),
        "y": points[:, 1].tolist(),
        "standardised": StandardScaler().fit_transform(points).T.tolist(),
        "dbscan": [labelled(points, eps, samples) for eps, samples in settings],
        # With equal points only, the score is 1, or a rounding error's reciprocal: which of them, none can rely on.
        "search": None if name == "duplicates" else search(points),
    }


print(
    json.dumps(
        {
            "source": f"scikit-learn {sklearn.__version__}, numpy {np.__version__}; test/vectors/clustering.py",
            "grid": GRID.tolist(),
            "cases": [case(name, points) for name, points in SHAPES.items()],
            "searches": [
                {"x": points[:, 0].tolist(), "y": points[:, 1].tolist(), "search": search(points)}
                for points in [fleet(int(n)) for n in random.integers(5, 160, 12)]
            ],
        },
        separators=(",", ":"),
    )
)
