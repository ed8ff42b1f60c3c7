"""Being here, it lets every test import the helpers of this folder (`published_files`).

Property tests run without a clock and on the same examples everywhere: a slow machine is no error, and what passes here
passes there. Ctrl-C works whoever started the tests: a shell's background jobs ignore it, and so would their children.
"""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

settings.register_profile("same", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("same")
signal.signal(signal.SIGINT, signal.default_int_handler)
