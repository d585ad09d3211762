"""Near names: what the user may have meant."""

from __future__ import annotations

from collections.abc import Iterable

_CLOSE = 0.66


def near_names(name: str, names: Iterable[str], *, most: int = 3) -> list[str]:
    """The names that look like `name`, the nearest first; case is ignored, and a part of a long name counts."""
    import difflib  # only when something was misspelt already

    wanted = name.casefold()
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(wanted)

    def likeness(text: str) -> float:
        matcher.set_seq1(text)
        if matcher.real_quick_ratio() < _CLOSE or matcher.quick_ratio() < _CLOSE:
            return 0.0
        return matcher.ratio()

    scored = []
    for candidate in dict.fromkeys(names):
        folded = candidate.casefold()
        part = max((likeness(word) for word in folded.replace("-", "_").split("_")), default=0.0)
        score = max(likeness(folded), 0.95 * part)
        if score >= _CLOSE:
            scored.append((-score, candidate))
    return [candidate for _, candidate in sorted(scored)[:most]]


def is_unicode(text: str) -> bool:
    """Whether a text can be kept: bytes of a command line that are no UTF-8 are lone surrogates in it."""
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


def near(name: str, names: Iterable[str]) -> str:
    """The end of an error message: `; did you mean 'x'?`, or nothing when no name is near."""
    found = [repr(each) for each in near_names(name, names)]
    if not found:
        return ""
    listed = found[0] if len(found) == 1 else f"{', '.join(found[:-1])} or {found[-1]}"
    return f"; did you mean {listed}?"
