"""The data engine of ECSO (Gou et al., ECCV 2024, arXiv 2403.09572): a model makes the data that aligns it.

Requests about images get their answers by the four steps, unsafe ones with closed eyes; what comes out is a set for
supervised fine-tuning. Nobody labels anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from eyelid.errors import ConfigurationError
from eyelid.synthesis._card import licence_of, write_card
from eyelid.synthesis._groups import Progress
from eyelid.synthesis._journal import Journal, locked
from eyelid.synthesis._keeping import Keep
from eyelid.synthesis._labelling import RECORDS, Labelling, label, unchecked
from eyelid.synthesis._llava import Mixed, Utility, write_llava
from eyelid.synthesis._settings import begin, digest_of_file
from eyelid.synthesis._unlabelled import Source, images_below

#: The data set in LLaVA's format, in the folder of a run.
SFT = "sft.json"

_ABOUT = """\
Answers to requests about images, for supervised fine-tuning of models that see, in LLaVA's format: `sft.json` is one
array, images are paths below the folder of images that the run was given. The model that is named below gave them,
judged them itself and, where it found them unsafe, answered again without the image (ECSO, arXiv 2403.09572). No person
has looked at them. `records.jsonl` holds everything that was said, unsafe answers included: do not train on it."""


def synthesize_ecso(
    source: Source,
    images: Path,
    folder: Path,
    how: Labelling,
    *,
    keep: Keep | None = None,
    utility: Utility | None = None,
    licence: Mapping[str, str] | None = None,
    limit: int | None = None,
    retry_failed: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Answer the requests of a file and write the data set, or go on where that was interrupted.

    Called again with another `keep`, `utility` or `licence` it asks nothing and writes the set anew.

    Args:
        source: the requests.
        images: the folder below which the images lie.
        folder: what is written: `run.json`, `records.jsonl`, `sft.json`, `card.json` and `README.md`.
        how: the answers come about.
        keep: which answers come into the set; all that the model gave without a failure, if left out.
        utility: ordinary data that is mixed in.
        licence: part → licence, for the card; "data" for the set itself.
        limit: the first so many requests; a later call may go further.
        retry_failed: whether requests that failed are asked again, and answers are scored that the detector of the
            run could not look at.
        progress: is told how many are done of all.

    Returns:
        What is in the card.

    Raises:
        ConfigurationError: a file is missing or broken, or the run in `folder` was begun with other settings.
    """
    keep, words = keep or Keep(), licence_of(licence or {})
    if keep.below is not None and how.detector is None:
        raise ConfigurationError(
            "what a detector flags can only be left out where there is a detector, from the first call on"
        )
    with locked(folder):
        settings = begin(folder, how.settings(source))
        label(source, images_below(images), folder, how, limit=limit, retry_failed=retry_failed, progress=progress)
        journal = Journal(folder / RECORDS)
        mixed = write_llava(folder / SFT, lambda: islice(journal.read(), limit), keep, utility)
        facts = {
            "counts": _counts(journal, limit, mixed),
            "dropped": dict(mixed.dropped),
            "filter": {name: getattr(keep, name) for name in ("which", "refusals", "failures", "below", "longest")},
            "utility": _utility(utility, mixed),
            "provenance": settings,
        }
        tags = ("eyelid", "ecso", "multimodal", "safety", "supervised-fine-tuning")
        write_card(folder, title="ECSO answers", about=_ABOUT, facts=facts, licence=words, tags=tags)
    return {**facts, "licence": words}


def _counts(journal: Journal, limit: int | None, mixed: Mixed) -> dict[str, Any]:
    seen: Counter[str] = Counter()
    for record in islice(journal.read(), limit):
        seen[record.get("unsafe", "")] += 1
        seen["replaced"] += bool(record.get("replaced"))
        seen["failed"] += bool(record["failures"])
        seen["unchecked"] += unchecked(record)
        seen["calls"] += len(record.get("calls", ()))
    judged = seen["Yes"] + seen["No"]
    return {
        "requests": mixed.records,
        "judged": judged,
        "judged_unsafe": seen["Yes"],
        "share_judged_unsafe": round(seen["Yes"] / judged, 6) if judged else None,
        "replaced": seen["replaced"],
        "failed": seen["failed"],
        "unchecked": seen["unchecked"],
        "calls": seen["calls"],
        "kept": mixed.kept,
        "utility": mixed.utility,
        "rows": mixed.kept + mixed.utility,
    }


def _utility(utility: Utility | None, mixed: Mixed) -> dict[str, Any]:
    if utility is None:
        return {"rows": 0}
    return {
        "rows": mixed.utility,
        "available": mixed.available,
        "ratio": utility.ratio,
        "seed": utility.seed,
        "file": utility.path.name,
        "sha256": digest_of_file(utility.path),
    }
