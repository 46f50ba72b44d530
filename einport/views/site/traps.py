"""The traps: a list of them all, and a page a topic with their programs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ...traps import EINPORT, FRAMEWORKS, TOPICS, Trap
from .look import Stamp, render


def trap_file(one: Trap) -> str:
    """The page of a trap's topic, from the site's root."""
    return f"traps/{one.topic}.html"


def trap_places(found: Sequence[Trap]) -> dict[str, str]:
    """Where each trap is, from the site's root."""
    return {one.name: f"{trap_file(one)}#{one.name}" for one in found}


def traps_page(found: Sequence[Trap], stamp: Stamp) -> bytes:
    """The list of all traps."""
    titles = {
        key: title for key, title in FRAMEWORKS.items() if any(key in t.programs for t in found)
    }
    return render(
        "traps.html", "", stamp,
        topics=_by_topic(found), headings=TOPICS, titles=titles, places=trap_places(found),
        searched={one.name: _searched(one) for one in found}, count=len(found),
    )  # fmt: skip


def topic_pages(found: Sequence[Trap], ops: Collection[str], stamp: Stamp) -> Mapping[str, bytes]:
    """A page for each topic; operations in `ops` have a page to link."""
    topics = _by_topic(found)
    return {
        f"traps/{topic}.html": render(
            "trap_topic.html", "../", stamp,
            topic=topic, headings=TOPICS, traps=traps, topics=list(topics), ops=ops,
            titles=FRAMEWORKS, einport=EINPORT,
        )
        for topic, traps in topics.items()
    }  # fmt: skip


def _by_topic(found: Sequence[Trap]) -> dict[str, list[Trap]]:
    topics: dict[str, list[Trap]] = {}
    for one in found:
        topics.setdefault(one.topic, []).append(one)
    return topics


def _searched(one: Trap) -> str:
    apart = [op.replace("_", " ") for op in one.ops]
    titles = [FRAMEWORKS[name] for name in one.programs]
    parts = (one.name, one.title, one.topic, one.why, one.instead, *one.ops, *apart, *titles)
    return " ".join(parts).lower()
