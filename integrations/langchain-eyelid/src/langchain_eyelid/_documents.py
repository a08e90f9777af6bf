"""One document: what is looked at of it, and what is left of it after a ruling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eyelid.errors import InputError
from langchain_core.documents import Document
from langchain_core.messages import ToolMessage

from langchain_eyelid._looks import Look, Rulings, together
from langchain_eyelid._verdict import KEY, worse

#: Entries of a document's metadata that are looked at one by one; where there are more, all of them stay or go.
MAX_ENTRIES = 32

_OWN = frozenset({"page_content", "metadata", "id", "type"})


def look_at_lists(lists: Sequence[Sequence[Document]], *, rewrite: bool) -> Look[list[list[Document]]]:
    """Lists of documents as they may be passed on."""
    return together([_look_at_list(documents, rewrite) for documents in lists], list)


def _look_at_list(documents: Sequence[Document], rewrite: bool) -> Look[list[Document]]:
    def kept(found: list[Document | None]) -> list[Document]:
        return [document for document in found if document is not None]

    return together([look_at_document(document, rewrite=rewrite) for document in documents], kept)


def look_at_document(document: Document, *, rewrite: bool) -> Look[Document | None]:
    """A copy of a document as it may be passed on; None for one that may not.

    The text is looked at, then whatever else there is all together, so that nothing hides by being spread over several
    entries, then the entries of the metadata one by one, so that a rewrite need only lose those that are at fault.
    """
    if not isinstance(document, Document):
        raise InputError(f"documents are looked at here, not a {type(document).__name__}")
    subject = _Subject.of(document, rewrite)
    asides = [subject.beside, *({name: subject.document.metadata[name]} for name in subject.entries)]
    probes = [ToolMessage("", artifact=value, tool_call_id="") for value in asides]
    return Look((ToolMessage(document.page_content, tool_call_id=""), *probes), subject.passed_on)


@dataclass(frozen=True, slots=True)
class _Subject:
    """A document under way."""

    document: Document
    rewrite: bool
    #: Everything but the text, and the names of the entries that are looked at on their own.
    beside: dict[Any, Any]
    entries: tuple[Any, ...]

    @classmethod
    def of(cls, document: Document, rewrite: bool) -> _Subject:
        metadata = {name: value for name, value in document.metadata.items() if name != KEY}  # it is ours to say
        copy = document.model_copy(update={"metadata": metadata})
        beside = {"metadata": metadata, "id": copy.id, **cls._further(copy)}
        entries = tuple(metadata) if rewrite and 1 < len(metadata) <= MAX_ENTRIES else ()
        return cls(copy, rewrite, beside, entries)

    @staticmethod
    def _further(document: Document) -> dict[str, Any]:
        own = {name: getattr(document, name) for name in set(type(document).model_fields) - _OWN}
        return {**own, **(document.model_extra or {})}

    def passed_on(self, rulings: Rulings) -> Document | None:
        """What is left; None where nothing can be."""
        if all(ruling.allowed for ruling in rulings):
            return self.document
        content, beside, *entries = rulings
        stopped = [ruling for ruling in rulings if not ruling.allowed]
        if not self.rewrite or any(ruling.verdict["status"] == "failed" for ruling in stopped):
            return None
        if content.verdict["action"] == "block":
            return None
        changed: dict[str, Any] = {"page_content": content.message.text, "metadata": dict(self.document.metadata)}
        at_fault = [name for name, ruling in zip(self.entries, entries, strict=True) if not ruling.allowed]
        for name in at_fault:
            del changed["metadata"][name]
        if not beside.allowed and not at_fault:
            if self._further(self.document):
                return None
            changed.update(metadata={}, id=None)
        ruling = content.verdict
        for other in stopped:
            ruling = worse(ruling, other.verdict)
        changed["metadata"][KEY] = {**ruling, "action": "rewrite"}
        return self.document.model_copy(update=changed)
