"""Loading a model that chats, and putting a request into the form it was trained on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from eyelid._optional import require
from eyelid.engine import Device
from eyelid.errors import InputError, WeightsError
from eyelid.models._adapter_merge import merged
from eyelid.models._generate_load import ends_of
from eyelid.text import neutralised
from eyelid.types import Frame

#: Names under which processors keep what stands for pictures in a text.
_PLACEHOLDERS = (
    *("image_token", "video_token", "boi_token", "eoi_token", "vision_start_token", "vision_end_token"),
    *("start_image_token", "end_image_token", "image_break_token", "image_end_token"),
)


@dataclass(frozen=True, eq=False)
class LoadedChat:
    """A model and what turns requests into its input.

    Args:
        model: of transformers, ready to generate.
        processor: of a model that sees, else its tokenizer.
        tokenizer: of the text.
        sees: whether it can be shown pictures.
        context: the most tokens of one sequence; `None` where the model states none.
        ends: tokens with which a reply ends.
        special: finds the tokens that mean something to the model.
        reserved: their numbers.
    """

    model: Any = field(repr=False)
    processor: Any = field(repr=False)
    tokenizer: Any = field(repr=False)
    sees: bool
    context: int | None
    ends: frozenset[int]
    special: re.Pattern[str]
    reserved: frozenset[int]

    def encode(self, system: str, prompt: str, frames: Sequence[Frame]) -> dict[str, Any]:
        """Tensors of one request, as the model takes them."""
        text = self._laid_out(system, prompt, len(frames))
        # The template writes what begins a text; the tokenizer would write it once more.
        begun = self.tokenizer.bos_token
        special = not (begun and text.startswith(begun))
        if not self.sees:
            return dict(self.tokenizer(text, return_tensors="pt", add_special_tokens=special))
        shown = {"images": [_picture(frame) for frame in frames]} if frames else {}
        return dict(self.processor(text=[text], **shown, return_tensors="pt", add_special_tokens=special))

    def decode(self, ids: Sequence[int]) -> str:
        """The text of a reply."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True)).strip()

    def spelled(self, option: str) -> frozenset[int]:
        """Tokens with which a reply that is this word begins, whatever its case and whether a space stands before it.

        Those that are all of the word, or where there are none, those that are its first piece; a single letter says
        too little.
        """
        words = {option, option.lower(), option.capitalize(), option.upper()}
        cut = [self.tokenizer.encode(s + w, add_special_tokens=False) for w in words for s in ("", " ")]
        known = {self.tokenizer.convert_tokens_to_ids(word) for word in words}  # as it stands behind another token
        whole = {ids[0] for ids in cut if len(ids) == 1} | known
        pieces = {ids[0] for ids in cut if ids and self._begins(option, ids[0])}
        none = {None, self.tokenizer.unk_token_id, *self.reserved}
        return frozenset(whole - none or pieces - none)

    def _begins(self, option: str, token: int) -> bool:
        piece = str(self.tokenizer.decode([token])).strip().lower()
        return len(piece) > 1 and option.lower().startswith(piece)

    def _laid_out(self, system: str, prompt: str, images: int) -> str:
        """A conversation in the form that the model was trained on, up to where its answer begins."""
        from jinja2 import TemplateError

        system, prompt = self._plain(system), self._plain(prompt)
        told = [{"role": "system", "content": self._content(system)}] if system else []
        turn = {"role": "user", "content": self._content(prompt, images)}
        try:
            return str(self.processor.apply_chat_template([*told, turn], tokenize=False, add_generation_prompt=True))
        except TemplateError:
            if not told:
                raise InputError("the chat template of the model does not take this request") from None
        # There are models that know no such turn.
        turn = {"role": "user", "content": self._content(f"{system}\n\n{prompt}", images)}
        return str(self.processor.apply_chat_template([turn], tokenize=False, add_generation_prompt=True))

    def _content(self, text: str, images: int = 0) -> Any:
        if not self.sees:
            return text
        return [*[{"type": "image"}] * images, {"type": "text", "text": text}]

    def _plain(self, text: str) -> str:
        """The text without tokens that mean something to the model: each gets a space behind its first character."""
        text = neutralised(text.encode("utf-8", "replace").decode("utf-8"))
        text = self.special.sub(lambda found: f"{found.group()[0]} {found.group()[1:]}", text)
        # A tokenizer that normalises first may find one that was not there.
        if not self.reserved.isdisjoint(self.tokenizer.encode(text, add_special_tokens=False)):
            raise InputError("the text holds what the tokenizer takes for a token of the model's own format")
        return text


def load_chat(folder: Path, device: Device, adapter: Path | None, chat_template: str | None) -> LoadedChat:
    """A vision-language model with its processor, or a language model with its tokenizer.

    Raises:
        MissingExtraError: the extra "models" is not installed.
        WeightsError: the checkpoint is incomplete, does not generate, or has no chat template.
    """
    require("models", "transformers")
    import transformers

    # Said, for otherwise transformers asks whoever sits at the terminal.
    here: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        config = transformers.AutoConfig.from_pretrained(folder, **here)
        sees = type(config) in transformers.models.auto.modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
        kind: Any = transformers.AutoModelForImageTextToText if sees else transformers.AutoModelForCausalLM
        processor = _processor(folder, config, sees, here)
        model, report = kind.from_pretrained(
            folder, dtype=getattr(torch, device.dtype), use_safetensors=True, output_loading_info=True, **here
        )
    except (OSError, ValueError, KeyError, ImportError, AttributeError) as error:
        missing = "" if find_spec("torchvision") else "; some processors need torchvision, which is not installed"
        raise WeightsError(
            "transformers cannot load this folder as a model that chats: it needs config.json, safetensors, and its "
            f"processor or tokenizer as save_pretrained writes them{missing} ({type(error).__name__})"
        ) from error
    if report["missing_keys"]:
        raise WeightsError(f"the checkpoint lacks {len(report['missing_keys'])} tensors; their values would be random")
    if adapter is not None:
        model = merged(model, adapter)
    if chat_template is not None:
        processor.chat_template = chat_template
    if not processor.chat_template:
        raise WeightsError("the checkpoint has no chat template; give one as chat_template")
    model.generation_config = ends_of(transformers.GenerationConfig, model.generation_config)
    tokenizer: Any = processor.tokenizer if sees else processor
    special = _special(tokenizer, processor)
    stated = model.generation_config.eos_token_id
    named = stated if isinstance(stated, list) else [stated]
    ends = sorted({end for end in (*named, tokenizer.eos_token_id) if end is not None})
    model.generation_config.eos_token_id = ends or None
    return LoadedChat(
        model=model.to(device.torch).eval(),
        processor=processor,
        tokenizer=tokenizer,
        sees=sees,
        context=getattr(config.get_text_config(), "max_position_embeddings", None),
        ends=frozenset(ends),
        special=re.compile("|".join(map(re.escape, special)) or r"(?!)"),
        reserved=frozenset(tokenizer.convert_tokens_to_ids(special)) - {tokenizer.unk_token_id},
    )


def _processor(folder: Path, config: Any, sees: bool, here: dict[str, Any]) -> Any:
    """The tokenizer, or for a model that sees its processor.

    A processor that takes videos as well needs torchvision; where that is not installed it takes none.
    """
    import transformers

    auto: Any = transformers.AutoProcessor if sees else transformers.AutoTokenizer
    kind: Any = transformers.models.auto.processing_auto.PROCESSOR_MAPPING.get(type(config), None)
    if find_spec("torchvision") or kind is None or "video_processor" not in kind.get_attributes():
        return auto.from_pretrained(folder, **here)
    rest = [name for name in kind.get_attributes() if name != "video_processor"]
    still = type(kind.__name__, (kind,), {"get_attributes": classmethod(lambda cls: rest)})
    return still.from_pretrained(folder, **here)  # type: ignore[attr-defined]  # as its base has it


def _special(tokenizer: Any, processor: Any) -> list[str]:
    """Tokens that mean something to the model, the longest first; what stands for unknown letters is none of them."""
    words = {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
    words |= {str(getattr(processor, name, None) or "") for name in _PLACEHOLDERS}
    return sorted((word for word in words if len(word) > 1), key=len, reverse=True)


def _picture(frame: Frame) -> Any:
    from PIL import Image

    return Image.frombytes("RGB", (frame.width, frame.height), frame.rgb)
