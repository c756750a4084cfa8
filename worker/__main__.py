"""`python -m worker`: the same as `index-jobs work`."""

from __future__ import annotations

import sys

from worker.main import main

sys.exit(main())
