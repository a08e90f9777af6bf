"""A model of transformers, with vision or without, from a local folder, on the shared engine."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

from eyelid.engine import Device, after, choose_device, failure_code
from eyelid.errors import InputError
from eyelid.images import SandboxDecoder
from eyelid.models import ChatReply, ChatRequest, ChatRunner
from eyelid.protocols import AskRequest, ImageDecoder, Reply
from eyelid.types import DecodedImage, Failure, Frame, Image


class TransformersHost:
    """Asks a model that is loaded here: LLaVA, Qwen-VL, InternVL and others, or a language model without vision.

    Pictures are decoded within bounds, in a process of their own, before the model's processor sees them; the first
    frame of each is shown. What is said to the model is put into its own chat template, in which no text can place a
    token of the format.

    Args:
        folder: a checkpoint in safetensors with its processor or tokenizer, as `save_pretrained` writes them.
        adapter: folder of a PEFT adapter that is merged.
        device: "auto", "cpu", "cuda:N", or a device chosen before.
        chat_template: in the place of the checkpoint's own (Jinja, as transformers has it).
        decoder: encoded images → pixels.
        name: its name; the folder's if left out.

    Raises:
        ConfigurationError: there is no such device.
        MissingExtraError: the extra "models" is not installed.
        WeightsError: the checkpoint is incomplete, does not generate, or has no chat template.
    """

    def __init__(
        self,
        folder: Path,
        *,
        adapter: Path | None = None,
        device: str | Device = "auto",
        chat_template: str | None = None,
        decoder: ImageDecoder | None = None,
        name: str = "",
    ) -> None:
        self.name = name or folder.resolve().name
        chosen = device if isinstance(device, Device) else choose_device(device)
        self._runner = ChatRunner(folder, chosen, adapter=adapter, chat_template=chat_template, name=self.name)
        self._decoder = decoder or SandboxDecoder()

    @property
    def sees(self) -> bool:
        """Whether it can be shown images; a request with images is a failure where not."""
        return self._runner.sees

    def ask(self, batch: Sequence[AskRequest], /) -> list[Reply | Failure]:
        """The model's answers, in order."""
        return list(self.start(batch).result())

    def start(self, batch: Sequence[AskRequest], /) -> Future[Sequence[Reply | Failure]]:
        """As `ask`; holds no thread while the model runs."""
        shown = self._frames(batch)
        asked = [
            _request(request, frames)
            for request, frames in zip(batch, shown, strict=True)
            if not isinstance(frames, Failure)
        ]

        def replies(made: Sequence[Sequence[ChatReply | Exception]]) -> list[Reply | Failure]:
            found = iter(made[0]) if not isinstance(made[0], BaseException) else iter([made[0]] * len(asked))
            return [frames if isinstance(frames, Failure) else self._reply(next(found)) for frames in shown]

        return after([self._runner.start(asked)], replies)

    def _frames(self, batch: Sequence[AskRequest]) -> list[tuple[Frame, ...] | Failure]:
        """The pictures of each request, or why one of them cannot be shown."""
        images: list[Image] = [image for request in batch for image in request.images]
        decoded = iter(self._decoder.decode(images) if images else ())
        found: list[tuple[Frame, ...] | Failure] = []
        for request in batch:
            own: list[DecodedImage | Failure] = [next(decoded) for _ in request.images]
            failed = next((each for each in own if isinstance(each, Failure)), None)
            whole = tuple(each.frames[0] for each in own if isinstance(each, DecodedImage))
            found.append(Failure("ask", failed.code, failed.detail, self.name) if failed else whole)
        return found

    def _reply(self, made: ChatReply | BaseException) -> Reply | Failure:
        if isinstance(made, InputError):  # ours, so it says what did not fit and quotes nothing
            return Failure("ask", "limit", str(made), self.name)
        if isinstance(made, BaseException):
            return Failure("ask", failure_code(made), type(made).__name__, self.name)
        if not made.text:
            return Failure("ask", "empty", "the model said nothing", self.name)
        return Reply(made.text, made.chances, made.prompt_tokens, made.reply_tokens)


def _request(request: AskRequest, frames: tuple[Frame, ...]) -> ChatRequest:
    return ChatRequest(
        request.prompt,
        frames,
        request.system,
        budget=request.budget,
        temperature=request.temperature,
        seed=request.seed,
        options=request.options,
    )
