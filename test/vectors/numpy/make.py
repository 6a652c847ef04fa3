# Writes the arrays of this folder and expected.json with NumPy itself: python3 make.py
import json
import zipfile

import numpy as np

expected = {"numpy": np.__version__, "files": {}}


def note(name, values=None, refused=None):
    if refused is not None:
        expected["files"][name] = {"refused": refused}
        return
    array = np.asarray(values)
    floats = array.astype(np.float32)
    expected["files"][name] = {
        "shape": list(array.shape),
        "values": [float(value) for value in floats.reshape(-1)],
    }


def save(name, array, refused=None, **options):
    np.save(name, array, **options)
    note(name, array, refused)


base = np.array([[0, 1, 2], [3, 4, 5], [100, 101, 127], [1, 0, 1]])
for dtype in ["bool", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"]:
    save(f"{dtype}.npy", base.astype(dtype))
for dtype in [">i2", ">u2", ">i4", ">u4", ">i8", ">u8", ">f2", ">f4", ">f8"]:
    save(f"big-{dtype[1:]}.npy", base.astype(dtype))
save("extremes-i2.npy", np.array([[-32768, 32767]], dtype="i2"))
save("extremes-f4.npy", np.array([[np.finfo("f4").max, np.finfo("f4").min, 1e-45]], dtype="f4"))
save("half.npy", np.array([[0.5, -65504.0, 6e-8]], dtype="f2"))
save("one-dimension.npy", np.arange(4, dtype="f4"))
save("four-dimensions.npy", np.arange(48, dtype="u1").reshape(4, 2, 3, 2))
save("fortran.npy", np.asfortranarray(base.astype("f4")), refused="it is in Fortran order")
# Of one dimension, and of one row, both orders are the same: NumPy writes C.
save("fortran-one-dimension.npy", np.asfortranarray(np.arange(4, dtype="f4")))
save("scalar.npy", np.float32(7), refused="the first dimension of both must be the same")
save("empty.npy", np.zeros((0, 3), dtype="f4"), refused="x has 0 samples, y 4 labels")
save("empty-samples.npy", np.zeros((4, 0), dtype="f4"), refused="a sample or its label has no values")
save("structured.npy", np.array([(1, 2.0)] * 4, dtype=[("a", "i4"), ("b", "f4")]), refused="it has named fields")
save("object.npy", np.array([1, "two", None, 4.0], dtype=object), refused="it holds Python objects", allow_pickle=True)
save("complex.npy", base.astype("c8"), refused="it holds complex numbers")
save("texts.npy", np.array(["a", "b", "c", "d"]), refused="it holds texts")
save("bytes.npy", np.array([b"a", b"b", b"c", b"d"]), refused="it holds texts")
save("dates.npy", np.array(["2026-11-29"] * 4, dtype="datetime64[D]"), refused="it holds dates or durations")
for version in [(2, 0), (3, 0)]:
    name = f"version-{version[0]}.npy"
    with open(name, "wb") as file:
        np.lib.format.write_array(file, base.astype("f4"), version=version)
    note(name, base.astype("f4"))
np.save("y.npy", np.array([0, 1, 2, 1], dtype="i8"))
np.save("y1.npy", np.array([1], dtype="i8"))

x, y = base.astype("f4"), np.array([0, 1, 2, 1], dtype="i8")
np.savez("stored.npz", x=x, y=y)
note("stored.npz", x)
np.savez_compressed("compressed.npz", other=np.zeros(9), x=x, y=y)
note("compressed.npz", x)
np.savez("doubles.npz", x=base.astype("f8") / 7, y=y)
note("doubles.npz", base.astype("f8") / 7)
np.savez("big.npz", x=base.astype(">f4"), y=y)
note("big.npz", refused="an array is big-endian")
np.savez("fortran.npz", x=np.asfortranarray(x), y=y)
note("fortran.npz", refused="it is in Fortran order")
np.savez("object.npz", x=np.array([1, "two", None, 4.0], dtype=object), y=y)
note("object.npz", refused="it holds Python objects")
np.savez("no-y.npz", x=x)
note("no-y.npz", refused='it has no array "y"')
# With the sizes after the content, as a program writes that cannot seek in its output.


class Pipe:
    def __init__(self, file):
        self.file = file

    def write(self, data):
        return self.file.write(data)

    def flush(self):
        self.file.flush()


with open("piped.npz", "wb") as file, zipfile.ZipFile(Pipe(file), "w", zipfile.ZIP_DEFLATED) as archive:
    for name, array in [("x", x), ("y", y)]:
        with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
            np.lib.format.write_array(member, array)
note("piped.npz", x)
with open("expected.json", "w") as file:
    json.dump(expected, file, indent=1)
    file.write("\n")
