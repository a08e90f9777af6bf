"""Text as a detector should see it: canonical views, decodings, windows, sentences; and prompts that quote it."""

from eyelid.text._json import map_json_strings
from eyelid.text._origin import OffsetMap
from eyelid.text._prompt import Prompt, neutralised
from eyelid.text._sentences import split_sentences
from eyelid.text._views import View, Views, views
from eyelid.text._windows import token_windows

__all__ = [
    "OffsetMap",
    "Prompt",
    "View",
    "Views",
    "map_json_strings",
    "neutralised",
    "split_sentences",
    "token_windows",
    "views",
]
