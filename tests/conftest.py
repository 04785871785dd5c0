"""What holds for all tests: Ctrl-C means the same to what they start, wherever they run."""

from __future__ import annotations

import signal

# A shell starts its background jobs with Ctrl-C ignored, and whatever a test starts inherits that: tests of Ctrl-C
# would wait for what never ends. A handler, unlike being ignored, is not inherited.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
