"""The garbage collector: its passes stay short, however many live streams are open.

A pass looks at everything that is young enough, 0.1 to 0.5 µs for each object, and nothing else runs meanwhile. Ten
thousand streams are a million objects, which live for days, are in no reference cycle, and are freed as soon as nothing
refers to them: looking at them finds nothing. So what has survived in large numbers is taken out of all later passes.
"""

import gc
from typing import Any

YOUNG = 25_000  # allocations between two passes over the youngest objects: 10 ms
RARE = 50  # passes over the young for one over the older
MANY = 50_000  # objects that have survived a pass and are not frozen: 25 ms for a pass over all of them


def tune_collector() -> None:
    """Make passes less frequent than Python does, and bounded."""
    gc.set_threshold(YOUNG, RARE, RARE)
    if freeze_survivors not in gc.callbacks:
        gc.callbacks.append(freeze_survivors)


def freeze_survivors(phase: str, _info: dict[str, Any]) -> None:
    """Called by the collector before and after each pass: excludes survivors from later passes once they are many.

    Garbage in a cycle that was alive at that moment is never collected; so it must be rare, and it is, because it needs
    MANY objects that have come to stay.
    """
    if phase == "stop" and len(gc.get_objects(generation=1)) + len(gc.get_objects(generation=2)) > MANY:
        gc.freeze()
