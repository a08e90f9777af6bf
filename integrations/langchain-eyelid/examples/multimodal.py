"""A multimodal chain: the answer is looked at together with the question and the picture it is about."""

from __future__ import annotations

import sys
from base64 import b64encode
from io import BytesIO

from eyelid import load_guard
from langchain_core.messages import HumanMessage
from PIL import Image, ImageDraw, ImageFont

from langchain_eyelid import EyelidCallbackHandler, EyelidOutputParser
from langchain_eyelid.testing import FakeStreamingChatModel


def picture(text: str) -> str:
    """A PNG with a text in it, as base64."""
    image = Image.new("RGB", (900, 120), "white")
    ImageDraw.Draw(image).text((20, 40), text, "black", font=ImageFont.load_default(28))
    file = BytesIO()
    image.save(file, "PNG")
    return b64encode(file.getvalue()).decode()


def main() -> None:
    """Ask about a harmless picture, and about one that says something harmful."""
    with load_guard() as guard:
        context = EyelidCallbackHandler()  # notes what the model was asked, for the parser
        model = FakeStreamingChatModel(responses=["It is a sign with some words on it."])
        chain = (model | EyelidOutputParser(guard, context=context)).with_config(callbacks=[context])
        for text in ("Open from nine to five", "I will find you and kill you, you worthless idiot"):
            block = {"type": "image", "base64": picture(text), "mime_type": "image/png"}
            answer = chain.invoke([HumanMessage([{"type": "text", "text": "What is on the sign?"}, block])])
            verdict = answer.response_metadata["eyelid"]
            sys.stdout.write(f"sign: {text}\n{answer.text}\n[{verdict['action']}: {verdict['reason']}]\n")


if __name__ == "__main__":
    main()
