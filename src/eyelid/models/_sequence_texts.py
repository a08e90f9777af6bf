"""A text in the format of a detector's checkpoint → what the model is given, in training and in use alike."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from eyelid.errors import ConfigurationError
from eyelid.models._causal_looks import CausalLook, causal_looks
from eyelid.models._causal_template import Template
from eyelid.models._detector_format import PAIR, DetectorFormat
from eyelid.models._encoder_looks import EncoderLook, EncoderTexts


class SequenceTexts:
    """Texts and prompts as a checkpoint reads them; nothing is cut off.

    Args:
        folder: with `tokenizer.json`.
        form: the format.
        kind: what reads them.
        window: the most tokens of one look.

    Raises:
        ConfigurationError: a decoder is to read pairs.
        WeightsError: there is no tokenizer.
    """

    def __init__(self, folder: Path, form: DetectorFormat, kind: Literal["decoder", "encoder"], *, window: int) -> None:
        self._form, self._kind, self._window = form, kind, window
        self._pairs = EncoderTexts(folder, window) if PAIR in (form.template, form.alone) else None
        if self._pairs is not None and kind == "decoder":
            raise ConfigurationError("a decoder reads no pairs; give a template with {prompt} and {response}")
        templates = {form.template, form.template if form.alone is None else form.alone} - {PAIR}
        self._templates = {template: Template(folder, template) for template in templates}

    def looks(self, text: str, prompt: str = "", *, owner: str = "") -> Sequence[CausalLook | EncoderLook]:
        """The windows over a text; together they see all of it.

        Args:
            text: what is judged.
            prompt: the request it answers, or "".
            owner: whose text it is, as `Prefill` takes it.

        Raises:
            InputError: the format leaves no room.
        """
        template = self._form.of(prompt)
        if template == PAIR:
            assert self._pairs is not None
            return self._pairs.looks(text, prompt)
        looks = causal_looks(self._templates[template], text, prompt, self._window, owner=owner)
        return looks if self._kind == "decoder" else [_for_encoder(look) for look in looks]

    def ids(self, text: str, prompt: str = "") -> list[int] | None:
        """The token ids of the one look at a text, as training takes them; `None` where it takes several."""
        looks = self.looks(text, prompt)
        (look,) = looks if len(looks) == 1 else (None,)
        return None if look is None else look.ids if isinstance(look, EncoderLook) else look.prefill.tokens.tolist()


def _for_encoder(look: CausalLook) -> EncoderLook:
    ids = look.prefill.tokens.tolist()
    return EncoderLook(ids, [0] * len(ids), look.start, look.end, look.unknown)
