"""How a long-lived process looks through its memory."""

import gc


def settle() -> None:
    """Call it once all is loaded: what is there now is never looked through again, and what comes less
    often. A call makes thousands of objects and few circles; at Python's own 700 that is a look each time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
