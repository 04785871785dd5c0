"""A recorded call to the parcel desk, made anew for a test run: a recorded caller, the agent's own embedded engines."""

from __future__ import annotations

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import soundfile

from telephony.replay.plan import Plan
from telephony.replay.run import replay

RECORDINGS = Path(__file__).parents[2] / "recordings" / "slt"
RATE_HZ = 8000
#: When each thing is said: what the agent asks before takes about so long.
SAID_S = ((5.2, "where"), (10.0, "number-sentence"), (20.0, "yes"), (27.5, "goodbye"))


@cache
def parcel_recording() -> Path:
    """The caller alone, a plain recording of half a minute: nobody is on the other end yet."""
    samples = np.zeros(int(31 * RATE_HZ), dtype=np.int16)
    for at_s, name in SAID_S:
        said, rate_hz = soundfile.read(RECORDINGS / f"{name}.flac", dtype="int16")
        said = said[:: rate_hz // RATE_HZ] if rate_hz != RATE_HZ else said
        at = int(at_s * RATE_HZ)
        samples[at : at + len(said)] = said
    folder = Path(mkdtemp(prefix="offhook-parcel-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "caller.wav"
    soundfile.write(path, samples, RATE_HZ)
    return path


@cache
def parcel_call() -> Path:
    """The folder of a whole call: that recording, answered."""
    run = replay(parcel_recording(), Plan(tools="run"), parcel_recording().parent / "calls")
    assert not run.failed, run.failed
    assert run.folder is not None
    return run.folder
