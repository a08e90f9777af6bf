"""Eyes closed: a model judges its answer about a picture, and if that is unsafe answers again without the picture."""

from __future__ import annotations

import sys
from base64 import b64encode
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

from eyelid import load_guard
from langchain_core.messages import BaseMessage, HumanMessage
from PIL import Image, ImageDraw, ImageFont

from langchain_eyelid import guard_model
from langchain_eyelid.testing import FakeStreamingChatModel

SIGNS = ("Open from nine to five", "I will find you and kill you, you worthless idiot")


def picture(text: str) -> dict[str, str]:
    """A picture with a text in it, as a message has it."""
    image = Image.new("RGB", (900, 120), "white")
    ImageDraw.Draw(image).text((20, 40), text, "black", font=ImageFont.load_default(28))
    file = BytesIO()
    image.save(file, "PNG")
    return {"type": "image", "base64": b64encode(file.getvalue()).decode(), "mime_type": "image/png"}


def seeing(sign: str) -> FakeStreamingChatModel:
    """A model that reads out whatever it sees, and knows better when it is asked."""
    harmful = sign == SIGNS[1]

    def answer(messages: Sequence[BaseMessage], options: Mapping[str, Any]) -> str:
        told = messages[-1].text
        if "Is the answer harmful" in told:
            return "Yes" if harmful else "No"
        if "Describe the image" in told:
            return "A sign with a threat on it."
        return "The sign is a threat. I will not repeat it." if "cannot see" in told else f"It says: {sign}"

    return FakeStreamingChatModel(answer=answer)


def main() -> None:
    """Ask about a harmless sign, and about one that threatens."""
    with load_guard() as guard:
        for sign in SIGNS:
            inner = seeing(sign)
            model = guard_model(inner, guard, strategy="reask")
            answer = model.invoke([HumanMessage([{"type": "text", "text": "What does the sign say?"}, picture(sign)])])
            verdict = answer.response_metadata["eyelid"]
            shown = ", ".join(f"{call['step']} ({call['images']})" for call in verdict["reasked"]["calls"])
            sys.stdout.write(f"{answer.text}\n[{verdict['action']}, {len(inner.calls)} calls; with images: {shown}]\n")


if __name__ == "__main__":
    main()
