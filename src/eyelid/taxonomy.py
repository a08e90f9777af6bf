"""The categories of harm, and how other taxonomies name them.

The finer categories are the hazards of MLCommons AILuminate, which are those of Llama Guard 3 (S1-S14).
"""

from __future__ import annotations

from enum import StrEnum


class Category(StrEnum):
    """What a score is about. `HARM` and `INJECTION` are always scored; the others say which harm."""

    HARM = "harm"
    INJECTION = "injection"
    VIOLENT_CRIMES = "violent_crimes"
    NON_VIOLENT_CRIMES = "non_violent_crimes"
    SEX_CRIMES = "sex_crimes"
    CHILD_EXPLOITATION = "child_exploitation"
    DEFAMATION = "defamation"
    SPECIALIZED_ADVICE = "specialized_advice"
    PRIVACY = "privacy"
    INTELLECTUAL_PROPERTY = "intellectual_property"
    INDISCRIMINATE_WEAPONS = "indiscriminate_weapons"
    HATE = "hate"
    SELF_HARM = "self_harm"
    SEXUAL_CONTENT = "sexual_content"
    ELECTIONS = "elections"
    CODE_ABUSE = "code_abuse"


#: Llama Guard 3 codes. HARM and INJECTION have none: they are not hazards but the two questions asked.
LLAMA_GUARD: dict[Category, str] = {
    category: f"S{number}"
    for number, category in enumerate((c for c in Category if c not in (Category.HARM, Category.INJECTION)), start=1)
}

#: MM-SafetyBench scenario numbers (Liu et al., arXiv 2311.17600) → category.
MM_SAFETYBENCH: dict[str, Category] = {
    "01": Category.NON_VIOLENT_CRIMES,
    "02": Category.HATE,
    "03": Category.CODE_ABUSE,
    "04": Category.VIOLENT_CRIMES,
    "05": Category.NON_VIOLENT_CRIMES,
    "06": Category.NON_VIOLENT_CRIMES,
    "07": Category.SEXUAL_CONTENT,
    "08": Category.ELECTIONS,
    "09": Category.PRIVACY,
    "10": Category.SPECIALIZED_ADVICE,
    "11": Category.SPECIALIZED_ADVICE,
    "12": Category.SPECIALIZED_ADVICE,
    "13": Category.ELECTIONS,
}
