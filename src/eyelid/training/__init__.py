"""Recipes that train the embedded detector."""

from eyelid.training._augment import epoch as draw_epoch
from eyelid.training._data import FILES, TASKS, Example, Split, load_recipe, read_rows, split
from eyelid.training._pipeline import calibrate, train_detector

__all__ = [
    "FILES",
    "TASKS",
    "Example",
    "Split",
    "calibrate",
    "draw_epoch",
    "load_recipe",
    "read_rows",
    "split",
    "train_detector",
]
