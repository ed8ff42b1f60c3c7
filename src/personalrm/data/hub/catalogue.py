"""Catalogue of public data sets with identified users: repository, licence and limitations.

named("arena-33k").repo        # "lmsys/chatbot_arena_conversations"

Numbers are from the data cards and papers; None if neither gives one. `get` records what was actually fetched and read,
with the licence stated on the card on that day.
"""

from __future__ import annotations

import difflib
from dataclasses import asdict, dataclass
from typing import Any, Literal

from personalrm.errors import DataError

Kind = Literal["choices", "prism", "crowdrag"]


@dataclass(frozen=True, slots=True)
class PublicSet:
    """One public data set.

    Attributes:
        name: name on the command line.
        title: common name.
        repo: ``owner/name`` on the Hugging Face hub; None if it is not on the hub.
        revision: branch, tag or commit; None: the default branch.
        files: patterns of the files to fetch. Each item must match at least one file; ``|`` separates alternatives, of
            which the first with a match is used.
        licence: licence as stated by the authors.
        gated: whether conditions must be accepted with an account first; None if unknown.
        size: approximate download size in bytes; None if unknown.
        people: number of users; None if not stated.
        choices: description of the choices.
        lacks: limitations.
        source: URL of a paper or page.
        kind: how its files are converted to choices.
        min_gap: for ratings: pairs whose scores differ by less are left out.
    """

    name: str
    title: str
    repo: str | None
    files: tuple[str, ...]
    licence: str
    gated: bool | None
    size: int | None
    people: int | None
    choices: str
    lacks: str
    source: str
    revision: str | None = None
    kind: Kind = "choices"
    min_gap: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """The data set as JSON values."""
        return asdict(self)


SETS: tuple[PublicSet, ...] = (
    PublicSet(
        "prism",
        "PRISM",
        "HannahRoseKirk/prism-alignment",
        ("conversations.jsonl", "survey.jsonl"),
        "human text CC-BY-4.0, model text CC-BY-NC-4.0",
        False,
        None,
        1_396,
        "68,371 scored responses in 8,011 conversations, and a survey of each person",
        "Scores, no direct comparisons: pairs are formed from scores that differ by 10 or more. Almost no two people "
        "rate the same texts, so preferences cannot be compared on the same pair. Identifying people is forbidden.",
        "https://arxiv.org/abs/2404.16019",
        kind="prism",
        min_gap=10.0,
    ),
    PublicSet(
        "arena-33k",
        "Chatbot Arena conversations",
        "lmsys/chatbot_arena_conversations",
        ("data/*.parquet|*.parquet",),
        "prompts CC-BY-4.0, model answers CC-BY-NC-4.0",
        True,
        41_573_740,
        13_383,
        "33,000 votes",
        "About 2.5 votes per person, and a person is an internet address. Unsafe conversations are kept.",
        "https://lmsys.org/blog/2023-07-20-dataset/",
    ),
    PublicSet(
        "arena-100k",
        "LMArena 100k",
        "lmarena-ai/arena-human-preference-100k",
        ("data/*preference*.parquet|data/train*.parquet|data/*.parquet|*.parquet",),
        "prompts CC-BY-4.0, model answers under the terms of their makers",
        None,
        None,
        None,
        "106,000 votes",
        "A person is a hash (judge_hash); how reliably it identifies one person is not stated.",
        "https://arxiv.org/abs/2403.04132",
    ),
    PublicSet(
        "community-alignment",
        "Community Alignment",
        "facebook/community-alignment-dataset",
        ("data/filtered*.csv|data/*filtered*|data/*.csv|*.csv|data/*.parquet|*.parquet",),
        "CC-BY-4.0",
        None,
        None,
        3_500,
        "over 200,000 choices of one of four answers, in five languages",
        "Two thirds are not in English, for which the embedded engine only uses traits of form. The answers were "
        "written to differ, so choices are easier to tell apart than in the wild.",
        "https://arxiv.org/abs/2507.09650",
    ),
    PublicSet(
        "multipref",
        "MultiPref",
        "allenai/multipref",
        ("data/original*.parquet|original/*.parquet|data/train*.parquet|data/*.parquet|default/*.parquet|*.jsonl",),
        "ODC-BY-1.0; model answers under the terms of their makers",
        False,
        None,
        None,
        "about 40,000 choices on 10,000 pairs, each judged by two crowd workers and two experts",
        "Annotators follow guidelines on quality: little personal preference. No conversations of their own.",
        "https://arxiv.org/abs/2410.19133",
    ),
    PublicSet(
        "crowdrag",
        "CrowdRAG-25",
        None,
        ("responses.jsonl.gz", "ratings.jsonl.gz"),
        "CC-BY-4.0",
        False,
        None,
        None,
        "47,320 judgements in seven qualities; the overall one is read",
        "Not on the hub: fetch the two files by hand from zenodo.org/records/14748980 (or data/artifacts of "
        "github.com/webis-de/sigir25-rag-crowdsourcing) and give their folder with --from. Some votes are spam; "
        "a vote's estimated chance of it becomes its weight.",
        "https://arxiv.org/abs/2504.15689",
        kind="crowdrag",
    ),
    PublicSet(
        "summarize-from-feedback",
        "Summarize from Feedback",
        "openai/summarize_from_feedback",
        ("comparisons/*.parquet|*comparisons*.parquet|comparisons/*.json*",),
        "not stated on the card; the posts (TL;DR) CC-BY-4.0",
        False,
        43_947_390,
        None,
        "about 179,000 choices of one of two summaries",
        "Few paid workers with very many choices each, trained to agree with the authors: little personal preference.",
        "https://arxiv.org/abs/2009.01325",
        revision="refs/convert/parquet",
    ),
    PublicSet(
        "prb-prism",
        "PersonalRewardBench, PRISM",
        "MichaelR207/prism_personalized_0125",
        ("data/*.parquet|*.parquet|*.jsonl",),
        "as PRISM: human text CC-BY-4.0, model text CC-BY-NC-4.0",
        None,
        None,
        723,
        "pairs on which five judges disagree, with a fixed split into context and target",
        "Filtered by what language models agree on: the accuracy of any general judge on it is low by construction.",
        "https://arxiv.org/abs/2506.05598",
    ),
    PublicSet(
        "prb-arena",
        "PersonalRewardBench, Chatbot Arena",
        "MichaelR207/chatbot_arena_personalized_0125",
        ("data/*.parquet|*.parquet|*.jsonl",),
        "as Chatbot Arena: prompts CC-BY-4.0, model answers CC-BY-NC-4.0",
        None,
        None,
        131,
        "1,338 pairs, with a fixed split into context and target",
        "About ten pairs per person; filtered like the PRISM half.",
        "https://arxiv.org/abs/2506.05598",
    ),
)


def named(name: str) -> PublicSet:
    """The data set with that name, or that ``owner/name`` on the hub. Raises DataError for an unknown one."""
    wanted = name.strip().lower().removeprefix("hub:")
    for one in SETS:
        if wanted in (one.name, (one.repo or "").lower()):
            return one
    names = [one.name for one in SETS]
    close = difflib.get_close_matches(wanted, names, n=2)
    say = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(names)}"
    raise DataError(f"no public set is called '{name}': {say} (other hub sets are read as hub:owner/name)")
