"""Words and phrases that are counted for each trait.

``WORDS`` maps a trait to single words, ``PHRASES`` to pairs of neighbouring words (a pair takes one dict look-up, a
regular expression over the whole text takes 15–50 µs). All are lower case with straight apostrophes. The sets below
(``LIST_WANTED``, ``TASKS``, …) determine the kind of a message.

    >>> "perhaps" in WORDS["hedging words"], ("i", "think") in PHRASES["own opinion"]
    (True, True)
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _pairs(phrases: str) -> frozenset[tuple[str, str]]:
    return frozenset((first, second) for first, second in (phrase.split() for phrase in phrases.split(",")))


WORDS: Mapping[str, frozenset[str]] = {
    "hedging words": _set(
        "may might perhaps possibly maybe likely probably generally typically often usually sometimes seems seem "
        "appear appears somewhat could potentially various depending depends"
    ),
    "obligation words": _set("should must need needs ought have"),
    "first person": _set("i me my mine myself i'm i've i'd i'll"),
    "second person": _set("you your yours yourself you're you'll you've"),
    "we words": _set("we us our ours ourselves"),
    "negations": _set("not no never don't doesn't can't cannot isn't aren't won't didn't nothing none"),
    "warm words": _set(
        "thank thanks great glad happy hope wonderful love enjoy welcome please understand excited exciting amazing "
        "fantastic good best feel friend heart care support help"
    ),
    "apologies": _set("sorry apologize apologise apologies unfortunately regret"),
    "contrasts": _set("however but although though while whereas yet despite nevertheless conversely"),
    "reasons given": _set("because since therefore thus hence so due result reason reasons"),
    "examples given": _set("example examples instance such including like e.g"),
    "ordering words": _set(
        "first second third firstly secondly finally next then lastly step steps overall conclusion"
    ),
    "balance words": _set(
        "both perspectives perspective views viewpoints opinions debate complex nuanced sides respect respectful "
        "diverse multifaceted sensitive controversial balance individuals different beliefs values personal subjective"
    ),
    "importance words": _set("important essential crucial key vital significant necessary"),
    "past tense": _set("was were had did said went told asked looked came felt knew thought got took"),
    "third person": _set("he she him her his hers they them their"),
    "strong words": _set(
        "very really extremely absolutely definitely always never completely totally clearly obviously"
    ),
    "words for people": _set(
        "wife husband girl boy guy girlfriend boyfriend kids mom dad mother father man woman people"
    ),
    "function words": _set(
        "the a an of to in and or is are was were be been that this it its for on with as by at from"
    ),
    "machine words": _set("ai model assistant language programmed trained"),
    "slang": _set("imo lol btw haha idk kinda gonna wanna yeah yep nope stuff guys dude crap shit damn hell"),
    "professional help": _set(
        "professional professionals therapist doctor consult counselor seek expert experts advice"
    ),
}

PHRASES: Mapping[str, frozenset[tuple[str, str]]] = {
    "as an AI": _pairs(
        "an ai,language model,artificial intelligence,a machine,a bot,my programming,my training,my knowledge,"
        "virtual assistant,ai assistant,ai language"
    ),
    "no opinion of its own": _pairs(
        "have personal,personal opinion,personal opinions,personal beliefs,personal belief,personal views,"
        "personal feelings,personal experiences,personal experience,have opinions,have feelings,have beliefs,"
        "remain neutral,stay neutral,not have,don't have,an opinion,have any,take sides,political opinions"
    ),
    "refusal": _pairs(
        "i cannot,i can't,am unable,i'm unable,not able,i won't,feel comfortable,must decline,i apologize,"
        "i apologise,sorry but,unable to,not appropriate,against my,not engage,cannot assist,can't assist,"
        "can't help,cannot provide,i'm afraid,i'm sorry,not programmed"
    ),
    "own opinion": _pairs(
        "i think,i believe,i feel,i'd say,i would,i recommend,i agree,i disagree,i suggest,my opinion,my view,"
        "i don't,i personally"
    ),
    "offer to help": _pairs(
        "let me,would you,feel free,happy to,help you,anything else,i'm here,any other,assist you,can i,may i,"
        "how may,you need,other questions,any questions,any specific,you have"
    ),
    "reminders": _pairs(
        "it's important,is important,it's worth,is worth,is essential,it's essential,it's crucial,in mind,"
        "remember that,please note,note that,be noted,worth noting,also important,it's always"
    ),
    "it depends": _pairs(
        "depends on,depend on,it depends,up to,varies depending,vary depending,no one,no single,no right,"
        "no definitive,no simple,can vary,may vary,ultimately the,depending on"
    ),
    "what others say": _pairs(
        "other hand,one hand,some people,some argue,some believe,some say,some may,some might,others argue,"
        "others believe,others may,others might,others say,others think,many people,people believe,people think"
    ),
    "empathy": _pairs(
        "to hear,i understand,can understand,that sounds,sounds like,great question,good question,"
        "interesting question,be difficult,be hard,be tough,you're feeling,you feel,understandable that,"
        "completely understand"
    ),
    "ready help": _pairs("here are,here is,of course,i can,i will,sure here,certainly here,some ideas,some tips"),
    "life stories": _pairs(
        "my wife,my husband,my mom,my mother,my dad,my father,my kids,my son,my daughter,my friend,my friends,"
        "my boss,my life,my family,my girlfriend,my boyfriend,my brother,my sister,my own,i was,i had,i went,"
        "used to,i grew,i live,i lived,i saw,i got,i met,i work,i worked,when i,i am,i have,i've been"
    ),
}

STOP_WORDS = _set(
    "the a an of to in and or is are was were be been being that this it its for on with as by at from i you he she "
    "we they me my your his her our their do does did have has had what which who whom how why when where can could "
    "should would will may might not no if so but about there than then them these those am im just also too very "
    "more most some any all into out up down over own same such only please tell give think don't i'm it's"
)

YES = _set("yes yeah yep sure certainly absolutely definitely correct indeed")
NO = _set("no nope not")
GREETINGS = _set("hello hi hey greetings howdy")
OPENERS = _set("it there this the")

LIST_WANTED = _set(
    "list lists idea ideas tip tips ways steps example examples suggest suggestions suggestion recommend "
    "recommendations recommendation top some recipe recipes options places things books movies"
)
OPINION_WANTED = _set(
    "should better opinion opinions think agree thoughts favourite favorite believe prefer wrong right"
)
TASKS = _set(
    "write create make generate give tell explain describe compose draft help provide list design plan summarise "
    "summarize translate implement please can could i suggest show compare discuss"
)
WHAT = _set("what who when where which what's who's")
YES_NO = _set("is are do does did can could should would will was were has have")
BRIEF_WANTED = _set("short brief briefly concise quick quickly sentence shortly")
FEELINGS = _set(
    "feel feeling sad depressed depression anxious anxiety lonely stress stressed hate worried scared relationship "
    "girlfriend boyfriend husband wife my i'm myself"
)
CONTESTED = _set(
    "abortion gay trans transgender gender immigration immigrants israel palestine palestinian gaza hamas trump biden "
    "politics political war religion religious god racism racist gun guns rights women men black white muslim muslims "
    "jews jewish christian christianity islam president government election ukraine russia brexit climate death "
    "euthanasia drugs drug sex lgbt lgbtq vaccines vaccine"
)


def common_words() -> tuple[str, ...]:
    """The 626 words found in most responses of the public data sets, in a fixed order (one coefficient each)."""
    text = resources.files(__package__).joinpath("words.txt").read_text(encoding="utf-8")
    return tuple(text.split())
