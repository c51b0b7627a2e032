"""`python -m accel.lab.demo`."""

import sys

from accel.lab.demo.acts import main

sys.exit(main())
