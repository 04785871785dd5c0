"""Silero: what its runtime must not do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def test_its_runtime_keeps_no_id_of_this_machine_and_tells_nobody(tmp_path: Path) -> None:
    """onnxruntime's own telemetry begins with a file in the temporary folder."""
    pytest.importorskip("onnxruntime")
    work = "from agent.vad.silero import _load; session = _load(); print('loaded')"
    env = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", work],
        env={**env, "TMPDIR": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stdout == "loaded\n"
    assert list(tmp_path.iterdir()) == []
