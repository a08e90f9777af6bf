"""Recipes that train the embedded detector."""

from eyelid.training._data import FILES, TASKS, Example, Split, load_recipe, read_rows, split
from eyelid.training._pipeline import calibrate, train_detector

__all__ = ["FILES", "TASKS", "Example", "Split", "calibrate", "load_recipe", "read_rows", "split", "train_detector"]
