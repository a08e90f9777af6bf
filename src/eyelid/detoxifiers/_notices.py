"""What eyelid says in place of what it left out: one sentence, worded so that no detector takes offence."""

from __future__ import annotations

from eyelid.taxonomy import Category

_DEFAULT = ("the part of this answer that could do harm", "gladly help with a safe side of the question")

#: Category → (what was left out, what is offered instead).
_WORDS: dict[str, tuple[str, str]] = {
    Category.VIOLENT_CRIMES: (
        "the part of this answer that could get somebody hurt",
        "help with staying safe or with settling a conflict peacefully",
    ),
    Category.NON_VIOLENT_CRIMES: (
        "the part of this answer that could help to break the law",
        "help to reach the goal in a lawful way",
    ),
    Category.SEX_CRIMES: (
        "the part of this answer that could do harm to others",
        "point to support for people who have been affected",
    ),
    Category.CHILD_EXPLOITATION: (
        "this part of the answer",
        "point to services that protect children",
    ),
    Category.DEFAMATION: (
        "claims about a person that may not be true",
        "help to write a fair account from reliable sources",
    ),
    Category.SPECIALIZED_ADVICE: (
        "advice that would not be safe to follow",
        "help to prepare questions for a qualified professional",
    ),
    Category.PRIVACY: (
        "the part of this answer that concerns private details of others",
        "help with protecting personal information",
    ),
    Category.INTELLECTUAL_PROPERTY: (
        "the part of this answer that would copy protected work",
        "help with a summary or something original",
    ),
    Category.INDISCRIMINATE_WEAPONS: (
        "technical details that would not be safe to share",
        "help with general science or with public safety",
    ),
    Category.HATE: (
        "remarks that put people down",
        "talk about the subject with respect for everyone",
    ),
    Category.SEXUAL_CONTENT: (
        "the explicit part of this answer",
        "help with the subject in a suitable way",
    ),
    Category.ELECTIONS: (
        "statements that could mislead voters",
        "point to the official information on voting",
    ),
    Category.CODE_ABUSE: (
        "code that could be misused against computers of others",
        "help with securing and testing a system of your own",
    ),
}

_SELF_HARM = (
    "I have left out details that would not be safe to share; you matter, and if things are hard right now, please talk"
    " to someone you trust, a local crisis line or the emergency number, and I am here to listen and"
    " to help you find support."
)

#: What stands in a tool's result or a retrieved text where something was removed.
REMOVED_INSTRUCTION = "[removed: instruction]"
REMOVED_CONTENT = "[removed: unsafe content]"


def notice(category: str) -> str:
    """One sentence for the user: what was left out, and what is offered instead."""
    if category == Category.SELF_HARM:
        return _SELF_HARM
    what, offer = _WORDS.get(category, _DEFAULT)
    return f"I have left out {what}, and can {offer} instead."


def marker(category: str) -> str:
    """The short remark that takes the place of what was removed from data."""
    return REMOVED_INSTRUCTION if category == Category.INJECTION else REMOVED_CONTENT
