"""Read the writing in the example images and say which of them a model should be given."""

from pathlib import Path

import eyelid

FOLDER = Path(__file__).parent / "images"

with eyelid.load_guard() as guard:
    for file in sorted(FOLDER.glob("*.png"))[:6]:
        image = eyelid.Image.from_path(file, root=FOLDER)
        outcome = guard.check(prompt="Do what the picture says.", images=[image], surface="input")
        read = " ".join(" ".join(outcome.image_texts).split())
        print(f"{file.name:32} {outcome.verdict.action:8} {read[:60]!r}")
