# Writes the Parquet files beside it, each with the same 60 rows: what pyarrow makes of every type that can be
# an input, in every encoding, in pages of both versions, with every compression.
# Usage: python parquet.py (made with pyarrow 25.0.1)
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 60
here = pathlib.Path(__file__).parent


def maybe(every, values):
    return [None if i % every == 0 else value for i, value in enumerate(values)]


rows = range(ROWS)
table = pa.table(
    {
        "f64": pa.array([i / 8 for i in rows], pa.float64()),
        "f32": pa.array([i / 8 for i in rows], pa.float32()),
        "f16": pa.array([i / 8 for i in rows], pa.float64()).cast(pa.float16()),
        "i64": pa.array([i * 37 % 100 - 50 for i in rows], pa.int64()),
        "i32": pa.array([i * 37 % 100 - 50 for i in rows], pa.int32()),
        "u8": pa.array([i * 4 for i in rows], pa.uint8()),
        "decimal": pa.array(rows, pa.int32()).cast(pa.decimal128(20, 2)),
        "flag": pa.array([i % 3 == 0 for i in rows]),
        "text": pa.array([f"name-{i % 7}" for i in rows]),
        "fixed": pa.array([f"t{i % 5}".encode() for i in rows], pa.binary(2)),
        "maybe_f64": pa.array(maybe(5, [i / 8 for i in rows]), pa.float64()),
        "maybe_i64": pa.array(maybe(7, rows), pa.int64()),
        "maybe_text": pa.array(maybe(4, [f"t{i % 3}" for i in rows])),
        "list": pa.array([[i, i + 0.5] for i in rows], pa.list_(pa.float32())),
        "label": pa.array([i % 4 for i in rows], pa.int64()),
    }
)
delta = {
    "use_dictionary": False,
    "column_encoding": {
        "f64": "BYTE_STREAM_SPLIT",
        "f32": "BYTE_STREAM_SPLIT",
        "i64": "DELTA_BINARY_PACKED",
        "i32": "DELTA_BINARY_PACKED",
        "flag": "RLE",
        "text": "DELTA_BYTE_ARRAY",
        "fixed": "DELTA_BYTE_ARRAY",
        "maybe_i64": "DELTA_BINARY_PACKED",
        "maybe_f64": "BYTE_STREAM_SPLIT",
        "maybe_text": "DELTA_LENGTH_BYTE_ARRAY",
        "label": "DELTA_BINARY_PACKED",
    },
}
forms = {
    "dictionary-1-snappy": ("1.0", "snappy", {}),
    "dictionary-2-none": ("2.0", "none", {}),
    "plain-1-gzip": ("1.0", "gzip", {"use_dictionary": False}),
    "plain-2-lz4": ("2.0", "lz4", {"use_dictionary": False}),
    "delta-1-zstd": ("1.0", "zstd", delta),
    "delta-2-brotli": ("2.0", "brotli", delta),
    "delta-1-none": ("1.0", "none", delta),
}
for name, (page, compression, more) in forms.items():
    pq.write_table(
        table,
        here / f"{name}.parquet",
        data_page_version=page,
        compression=compression,
        row_group_size=25,
        data_page_size=64,
        write_batch_size=10,
        write_statistics=False,
        store_schema=False,
        **more,
    )

# What no row can hold.
dates = {
    "date": pa.array([0, 1], pa.date32()),
    "time": pa.array([0, 1], pa.timestamp("us")),
    "struct": pa.array([{"a": 1, "b": 2}] * 2),
    "map": pa.array([[("a", 1)]] * 2, pa.map_(pa.string(), pa.int64())),
    "label": pa.array([0, 1]),
}
pq.write_table(pa.table(dates), here / "others.parquet", write_statistics=False, store_schema=False)
