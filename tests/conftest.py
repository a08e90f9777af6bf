"""Nothing here reaches a network, models keep to few threads, and a busy machine is not a failure."""

import os

from hypothesis import settings

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "2")

settings.register_profile("eyelid", deadline=None)
settings.load_profile("eyelid")
