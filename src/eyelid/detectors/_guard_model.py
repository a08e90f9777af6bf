"""Guard models that answer in words, scored by how likely each word is: no text is generated.

Llama Guard (Inan et al., arXiv 2312.06674), Qwen3Guard (arXiv 2510.14276), Granite Guardian (arXiv 2412.07724),
WildGuard (Han et al., arXiv 2406.18495) and ShieldGemma (Zeng et al., arXiv 2407.21772) are language models that answer
a fixed question about a conversation with one of a few words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextvars import Context, copy_context
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from eyelid.detectors._guard_model_choices import Choices
from eyelid.detectors._guard_model_family import FormName, GuardFamily
from eyelid.detectors._guard_model_looks import Ask, Look, Seen
from eyelid.detectors._guard_model_question import Question
from eyelid.detectors._guard_model_wording import Wording, templates
from eyelid.detectors._places import identity
from eyelid.detectors._windowed import failed, found
from eyelid.engine import Device, Item, after, choose_device, current_claim, engine_for
from eyelid.errors import ConfigurationError, InputError
from eyelid.models import CausalRunner, Prefill, Template, causal_looks, open_causal
from eyelid.protocols import Assessment, ScoreRequest
from eyelid.taxonomy import Category
from eyelid.types import Failure, Surface

Found = Assessment | Failure
Grouping = Literal["strict", "loose"]

#: Bytes of a token that waits.
_BYTES = 4


class GuardModelDetector:
    """Scores texts with a generative guard model from a local folder.

    The probability of harm is that of the harmful verdicts if only the family's verdicts are allowed, read from one
    pass over the text. Where harm is likely, the category follows in a second, short pass in which only the family's
    codes are allowed. What is judged cannot take the format over: special tokens in it are only text.

    Args:
        folder: a checkpoint of a language model, with `config.json`, `tokenizer.json` and safetensors.
        family: one of `FAMILIES` by name, a file of one's own, or a family made before; if left out, the file
            `eyelid_family.toml` beside the checkpoint.
        grouping: whether doubtful verdicts, such as Qwen3Guard's "Controversial", count as harm ("strict") or not
            ("loose").
        wording: "checkpoint" for the question as the checkpoint's own chat template words it, "family" for that of the
            family's file; if left out, the former where it has one that fits.
        ask_category: from which probability of harm on the category is asked for, in [0, 1]; `None` for never.
        adapter: folder of a LoRA adapter that is added.
        window: the most tokens of one look, the question included; the model's context if left out.
        device: "auto", "cpu", "cuda:N", or a device chosen before.
        name: of the detector in verdicts and policies; the family's if left out.

    Attributes:
        family: the family it is of.
        wording: whose wording it uses, "checkpoint" or "family".
        incremental: whether what was read of a growing text is not read again: so with packed decoders.
        fingerprint: changes with all that its scores depend on beside the request.

    Raises:
        ConfigurationError: the family is unknown or does not fit the tokenizer, or a value is out of range.
        WeightsError: files are missing or broken, or it is no language model.
        MissingExtraError: it needs transformers, which is not installed.
    """

    def __init__(
        self,
        folder: Path,
        *,
        family: str | Path | GuardFamily | None = None,
        grouping: Grouping = "strict",
        wording: Wording | None = None,
        ask_category: float | None = 0.5,
        adapter: Path | None = None,
        window: int | None = None,
        device: str | Device = "auto",
        name: str | None = None,
    ) -> None:
        self.family = GuardFamily.beside(folder) if family is None else _family(family)
        self.name = name or self.family.name
        if grouping not in ("strict", "loose"):
            raise ConfigurationError(f"grouping is {grouping!r}; known: strict, loose")
        if ask_category is not None and not 0.0 <= ask_category <= 1.0:
            raise ConfigurationError(f"ask_category is {ask_category}; it is a probability, or None")
        self._strict, self._from = grouping == "strict", ask_category
        self._device = device if isinstance(device, Device) else choose_device(device)
        given, self.wording = templates(folder, self.family, wording)
        self._questions = {
            form: [
                Question.of(
                    Template(folder, template, closed=False),
                    self.family,
                    self.family.forms[form].verdicts,
                    policy.category,
                )
                for template, policy in zip(each, self.family.policies, strict=True)
            ]
            for form, each in given.items()
        }
        every = [question for each in self._questions.values() for question in each]
        tokens = sorted(set().union(*(question.tokens for question in every)))
        self._columns = {token: column for column, token in enumerate(tokens)}
        self._runner = open_causal(folder, self._device, labels=tokens, adapter=adapter, name=self.name)
        if window is not None and not 32 <= window <= self._runner.context:
            raise ConfigurationError(f"window is {window}; the model takes 32 to {self._runner.context} tokens")
        self._window = window or self._runner.context
        self.incremental = isinstance(self._runner, CausalRunner)
        files = [file for place in (folder, adapter) if place for file in sorted(place.iterdir()) if file.is_file()]
        facts = (identity(*files), self.family, given, grouping, ask_category, window, self._device.dtype)
        self.fingerprint = hashlib.sha256(repr(facts).encode()).hexdigest()

    def score(self, batch: Sequence[ScoreRequest], /) -> Sequence[Found]:
        """The probabilities for each text; all windows of a batch share passes."""
        return self.start(batch).result()

    def start(self, batch: Sequence[ScoreRequest], /) -> Future[Sequence[Found]]:
        """As `score`; holds no thread while the model runs."""
        looks = [self._looks(request) for request in batch]
        items = [
            item
            for each in looks
            if not isinstance(each, Failure)
            for seen in each
            for item in self._items(seen, seen.question.verdicts)
        ]
        # What comes later runs elsewhere: it takes the claim of this work along.
        context = copy_context()
        futures = engine_for(self._device).submit_all(items)
        return after(futures, lambda made: self._second(self._first(batch, looks, iter(made)), context))

    def _looks(self, request: ScoreRequest) -> list[Look] | Failure:
        form = self._form(request)
        prompt = _prompt(request, form)
        try:
            asked = _first_asked(self._questions[form])
            return [look for question in asked for look in self._over(question, request.text, prompt)]
        except InputError as error:
            return Failure("score", "limit", str(error), self.name)

    def _over(self, question: Question, text: str, prompt: str) -> list[Look]:
        owner = current_claim().caller
        looks = causal_looks(question.template, text, prompt, self._window - question.room, owner=owner)
        return [Look(question, look) for look in looks]

    def _form(self, request: ScoreRequest) -> FormName:
        forms = self.family.forms
        if request.surface is Surface.INPUT and "prompt" in forms:
            return "prompt"
        if request.surface is Surface.OUTPUT and request.prompt and "answer" in forms:
            return "answer"
        return self.family.alone

    def _items(self, seen: Look, choices: Choices) -> Iterator[Item]:
        """What the model is asked behind a text: one piece of work for each branch of the answers."""
        given = seen.look.prefill
        before = given.tokens[: len(given.tokens) - seen.question.behind]
        for begun in choices.branches:
            tokens = [*before, *begun]
            prefill = Prefill.of(tokens, given.keep, owner=given.owner)
            key = (prefill.owner, prefill.tokens.tobytes())
            yield Item(self._runner, prefill, self._runner.cost(prefill), size=_BYTES * len(tokens), key=key)

    def _chances(self, choices: Choices, made: Sequence[Sequence[float]]) -> dict[str, float]:
        logits = {
            begun: {token: row[self._columns[token]] for token in tokens}
            for (begun, tokens), row in zip(choices.branches.items(), made, strict=True)
        }
        return choices.chances(logits)

    def _first(
        self, batch: Sequence[ScoreRequest], looks: Sequence[list[Look] | Failure], made: Iterator[Any]
    ) -> list[Seen | Failure]:
        return [
            each if isinstance(each, Failure) else self._seen(request, each, made)
            for request, each in zip(batch, looks, strict=True)
        ]

    def _seen(self, request: ScoreRequest, looks: Sequence[Look], made: Iterator[Any]) -> Seen | Failure:
        rows = [[next(made) for _ in each.question.verdicts.branches] for each in looks]
        if failure := failed([row for each in rows for row in each], self.name):
            return failure
        chances = [self._chances(each.question.verdicts, row) for each, row in zip(looks, rows, strict=True)]
        harm = [each.question.harm(chance, strict=self._strict) for each, chance in zip(looks, chances, strict=True)]
        return Seen(request, looks, chances, harm)

    def _second(self, seen: Sequence[Seen | Failure], context: Context) -> Future[Sequence[Found]]:
        """Ask which harm, about the worst look at each text in which there is some."""
        asked = [[] if isinstance(each, Failure) else context.run(self._asked, each) for each in seen]
        items = [item for each in asked for ask in each for item in self._items(ask.look, ask.choices)]
        futures = context.run(engine_for(self._device).submit_all, items) if items else []
        return after(futures, lambda made: self._finished(seen, asked, iter(made)))

    def _asked(self, seen: Seen) -> list[Ask]:
        if self._from is None or max(seen.harm) < self._from:
            return []
        worst = seen.harm.index(max(seen.harm))
        question, look = seen.looks[worst].question, seen.looks[worst].look
        codes = question.codes.get(question.worst(seen.chances[worst]))
        asks = [] if codes is None else [Ask(seen.looks[worst], codes)]
        form = self._form(seen.request)
        text = seen.request.text[look.start : look.end]
        for other in self._questions[form]:
            if other not in _first_asked(self._questions[form]):
                try:
                    looks = self._over(other, text, _prompt(seen.request, form))
                except InputError:
                    continue  # that there is harm is known; which one stays open
                asks += [Ask(each, None) for each in looks]
        return asks

    def _finished(
        self, seen: Sequence[Seen | Failure], asked: Sequence[Sequence[Ask]], made: Iterator[Any]
    ) -> list[Found]:
        return [
            each if isinstance(each, Failure) else self._assessment(each, asks, made)
            for each, asks in zip(seen, asked, strict=True)
        ]

    def _assessment(self, seen: Seen, asks: Sequence[Ask], made: Iterator[Any]) -> Assessment:
        scores = [_scores(each.question, harm) for each, harm in zip(seen.looks, seen.harm, strict=True)]
        worst = seen.harm.index(max(seen.harm))
        for ask in asks:
            rows = [next(made) for _ in ask.choices.branches]
            if failed(rows, self.name):
                continue  # the harm that was found stands, without saying which
            for category, score in self._finer(ask, self._chances(ask.choices, rows), seen.harm[worst]).items():
                scores[worst][category] = max(score, scores[worst].get(category, 0.0))
        first = seen.looks[0].question
        looks = [each.look if each.question is first else replace(each.look, unknown=0) for each in seen.looks]
        return found(seen.request, looks, scores, category=Category.HARM)

    def _finer(self, ask: Ask, chances: Mapping[str, float], harm: float) -> dict[str, float]:
        if ask.codes is None:
            question = ask.look.question
            return {str(question.category): question.harm(chances, strict=self._strict)}
        shares: dict[str, float] = {}
        for code, category in self.family.codes.items():
            if category is not Category.HARM:
                shares[category] = shares.get(category, 0.0) + chances[code]
        return {category: harm * min(1.0, share) for category, share in shares.items()}


def _scores(question: Question, harm: float) -> dict[str, float]:
    return {Category.HARM.value: harm} | ({} if question.category is None else {question.category.value: harm})


def _first_asked(questions: Sequence[Question]) -> Sequence[Question]:
    """Those about all harm; all of them where each is about one."""
    return [question for question in questions if question.category is None] or questions


def _prompt(request: ScoreRequest, form: FormName) -> str:
    # Only an answer is read beside its prompt: what a tool returns was not written for it.
    return request.prompt if form == "answer" and request.surface is Surface.OUTPUT else ""


def _family(family: str | Path | GuardFamily) -> GuardFamily:
    if isinstance(family, GuardFamily):
        return family
    return GuardFamily.read(family) if isinstance(family, Path) else GuardFamily.named(family)
