"""Prints the scalars of a folder of TensorBoard's events as TensorBoard reads them: by tag, [step, value] each."""

import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

events = EventAccumulator(sys.argv[1])
events.Reload()
tags = events.Tags()
names = tags["scalars"]
found = {name: [[event.step, event.value] for event in events.Scalars(name)] for name in names}
for name in tags["tensors"]:  # Newer ones keep scalars as tensors.
    from tensorboard.util.tensor_util import make_ndarray

    found[name] = [[event.step, float(make_ndarray(event.tensor_proto))] for event in events.Tensors(name)]
print(json.dumps(found))
