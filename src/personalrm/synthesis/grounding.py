"""What a persona may say: nothing about who the person is that their own words do not show.

A judge needs tastes. Names, ages, genders, origins and jobs are guesses that models like to add; they are wrong more
often than not and harmful when right. A sentence that makes one is dropped unless the person said it of themselves
("I am a nurse", "as a nurse, I …"; "my doctor says" does not make a doctor of anybody). What a person likes to read
about is no guess: "recipes of African origin" and "an answer a student could follow" stay.

    invents("Is likely a nurse in her forties.", own_words(choices))        # True
    grounded("Likes lists. She works as a nurse.", own_words(choices))      # "Likes lists."
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from personalrm.preferences import Preference

_WHO = r"\b(?:person|user|individual|judge|reader|human|persona|customer|someone|somebody|they|he|she|who)"
_IS = (
    r"(?:['’](?:s|re)|\s+(?:also\s+)?(?:is|are|was|were|(?:may|might|could|must|would|can)(?:\s+well)?\s+be"
    r"|(?:seems?|appears?|looks?|sounds?|claims?|happens?|likely|believed|thought)\s+(?:to\s+be|like|as)|"
    r"identif\w+\s+as))"
)
_GUESS = r"(?:(?:likely|probably|possibly|perhaps|maybe|apparently|presumably|evidently|clearly|also|to\s+be)[\s,]+)"
_BREAKS = r"with|to|for|in|of|by|about|on|at|from|that|which|when|who|like|as|the|a|an|not|and|or|but|than|more|less"
_FILL = rf"(?:(?!(?:{_BREAKS})\b)[\w-]+,?\s+){{0,3}}?"
_ENDS = r"(?![\w-]|['’]s\b)"
_LEADS = (
    # "the person is …", "they may be …", "who is …", "… and is …"
    rf"(?:(?:{_WHO}(?:\s+described)?(?:\s+here)?{_IS}|\b(?:and|but|also|or|while)\s+is)\s+{_GUESS}*(?:an?\s+|the\s+)?{_FILL}"
    # "Is a …", "Likely …" at the start
    rf"|(?:^|[.!?;:]\s+)\W*(?:(?:is|being)\s+{_GUESS}*|{_GUESS}+)(?:an?\s+)?{_FILL})"
)
_START = r"(?:^|[.!?;:]\s+)\W*"
_ARTICLES = (
    # "A 40-year-old nurse who …" at the start, "… is that of a …", "as a mother of two, …"
    rf"(?:(?:{_START}|\bthat of\s+|\bsomeone,\s+)an?\s+|(?:^|[.!?;:,]\s+)(?:as|being)\s+an?\s+){_FILL}"
)
_GOES_ON = r"(?=\s*(?:$|[,.;]|\b(?:who|with|and|or|from|of|living|looking|interested)\b))"
_GENDER_HIM = (
    "male|man|men|boy|guy|gentleman|father|dad|grandfather|grandpa|husband|widower|son|brother|uncle|businessman"
)
_GENDER_HER = (
    "female|woman|women|girl|lady|mother|mom|mum|grandmother|grandma|wife|widow|daughter|sister|aunt|businesswoman"
)
_OTHER_GENDER = "transgender|nonbinary|non-binary|parent|grandparent"
_AGE = (
    "teenager|teenaged|adolescent|middle-aged|elderly|retired|retiree|pensioner|millennial|boomer|senior|"
    "young|younger|older|adult|youth|child|kid|twenties|thirties|forties|fifties|sixties|seventies"
)
_JOB = (
    "nurse|teacher|engineer|lawyer|attorney|doctor|physician|accountant|programmer|developer|journalist|"
    "manager|professor|scientist|researcher|designer|salesperson|consultant|freelancer|entrepreneur|paralegal|"
    "professional|professionals|chef|cook|farmer|driver|pilot|soldier|veteran|librarian|electrician|plumber|"
    "carpenter|mechanic|economist|psychologist|therapist|dentist|pharmacist|surgeon|paramedic|firefighter|"
    "writer|author|editor|marketer|analyst|architect|academic|educator|tutor|pastor|priest|executive|founder|"
    "clerk|cashier|waiter|waitress|student|undergraduate|postgraduate|graduate|unemployed|self-employed|"
    "homemaker|housewife|worker|employee"
)
_ORIGIN = (
    "christian|catholic|protestant|muslim|jewish|jew|hindu|buddhist|atheist|black|white|asian|hispanic|latino|"
    "latina|american|british|english|scottish|irish|welsh|african|european|german|french|spanish|italian|"
    "indian|chinese|japanese|korean|mexican|brazilian|canadian|australian|russian|ukrainian|polish|turkish|"
    "immigrant|refugee|native|non-native|republican|democrat|married|divorced|single|widowed|gay|lesbian|"
    "bisexual|pregnant"
)
_WORDS = "|".join([_GENDER_HIM, _GENDER_HER, _OTHER_GENDER, _AGE, _JOB, _ORIGIN])
_YEARS = r"(?:late\s+|mid[- ]?|early\s+)?\d{1,3}(?:\s*(?:-|–|to)\s*\d{1,3})?s?[- ]years?[- ](?:old|of\s+age)"
_NOT_NAMES = (
    r"(?:The|This|That|These|They|He|She|It|Who|What|Someone|Somebody|User|Person|Human|Individual|Judge|Reader|Also"
    r"|Perhaps|Maybe|And|But|Often|Never|Always|Still|Even|Sometimes|Most|Style|Format|Tone|Content|One|Persona|\w+ly)\b"
)

_NAMES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?:their|his|her|person['’]s|user['’]s)\s+name\s+is\s+[\"“'‘]?(?-i:(?P<key>[A-Z]\w+))",
        rf"{_WHO}(?:\s+is)?,?\s+(?:named|called|known\s+as|goes\s+by)\s+[\"“'‘]?(?-i:(?P<key>[A-Z]\w+))",
        r"(?:^|[.!?]\s+)meet\s+[\"“'‘]?(?-i:(?P<key>[A-Z]\w+))",
        r"\bname\W{0,3}:\W*(?-i:(?P<key>[A-Z]\w+))",
    )
)
_PATTERNS = _NAMES + tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_LEADS}(?P<key>{_WORDS}){_ENDS}",
        rf"{_ARTICLES}(?P<key>{_WORDS}){_ENDS}{_GOES_ON}",
        rf"{_START}(?P<key>{_WORDS})(?=[,;.]|$)",
        # in any place: "a 30-40 year old individual", "in their late twenties", "aged 40"
        rf"{_LEADS}(?:(?:about|around|roughly|over|under)\s+)?(?P<key>{_YEARS})",
        rf"{_ARTICLES}(?P<key>{_YEARS}){_GOES_ON}",
        rf"\b(?P<key>{_YEARS})\s+{_FILL}(?:person|user|individual|man|woman|human|adult|male|female|student)\b",
        r"\bin\s+(?:his|her|their)\s+(?:(?:early|mid|late)[\s-]+)?(?:to\s+(?:early|mid|late)[\s-]+)?"
        r"(?P<key>teens|twenties|thirties|forties|fifties|sixties|seventies|eighties|\d0s)\b",
        rf"{_WHO}\s+(?:is\s+)?aged\s+(?P<key>\d+)",
        rf"{_WHO}\s+(?:\w+\s+){{0,2}}?(?:works?|worked|working|employed)\s+(?:as|in|for|at)\s+(?:an?\s+|the\s+)?(?P<key>\w+)",
        rf"\b(?:works?|worked|working|employed)\s+as\s+an?\s+{_FILL}(?P<key>{_JOB}){_ENDS}",
        r"\b(?:and|who|also)\s+(?:\w+\s+)?(?:works?|is\s+employed)\s+as\s+an?\s+(?P<key>\w+)",
        r"\b(?:their|his|her|person['’]s|user['’]s)\s+(?:job|career|profession|occupation|work)\s+(?:as|is|in)\s+"
        r"(?:an?\s+)?(?P<key>\w+)",
        rf"{_WHO}\s+(?:\w+\s+)?(?:lives?|living|resides?|was\s+born|grew\s+up|is\s+based|comes?|hails?|is)\s+"
        r"(?:in|from)\s+(?:the\s+)?(?-i:(?P<key>[A-Z]\w+))",
        # a table of facts: "Age: late 20s", "**Occupation:** scientist"
        r"\b(?:name|age|gender|sex|occupation|job|profession|education|ethnicity|race|nationality|religion|location"
        r"|marital status|background)\W{0,3}:\W*(?P<key>\w+)",
        rf"(?-i:(?:^|[.!?]\s+)(?!{_NOT_NAMES})(?P<key>[A-Z][a-z]+)\s+"
        r"(?:prefers|likes|values|wants|enjoys|appreciates|dislikes|seeks|aims))",
    )
)
_NEUTRAL = re.compile(r"\b(?:s?he|his|hers?|him)\s*(?:/|or)\s*(?:s?he|his|hers?|him)\b|\(s\)he|\bs/he\b", re.IGNORECASE)
_PRONOUNS = (
    (re.compile(r"\b(?:he|him|his|himself)\b", re.IGNORECASE), _GENDER_HIM.split("|")),
    (re.compile(r"\b(?:she|her|hers|herself)\b", re.IGNORECASE), _GENDER_HER.split("|")),
)
_SELF = (
    r"\b(?:i am|i['’]?m|i was|i['’]ve been|i have been|i work|i worked|i live|i come|i grew up|i study|my job"
    r"|my name is|my career|call me|this is|me,|being|as|we are|we['’]re|both|my age|aged)\b"
)


def own_words(choices: Iterable[Preference]) -> str:
    """Everything the person themselves wrote: their turns of the conversations and their stated reasons."""
    said: list[str] = []
    for choice in choices:
        said.extend(turn.content for turn in choice.context if turn.role == "user")
        if choice.reason:
            said.append(choice.reason)
    return "\n".join(said).casefold()


def invents(text: str, words: str) -> bool:
    """Whether the text says who the person is (age, gender, job, origin, name) beyond their own words.

    Args:
        text: a claim or a sentence of the persona.
        words: `own_words` of the person.
    """
    text = _NEUTRAL.sub("they", text)
    for pattern, gender in _PRONOUNS:
        if pattern.search(text) and not any(_says_of_self(word, words) for word in gender):
            return True
    for pattern in _PATTERNS:
        for found in pattern.finditer(text):
            said = next(value for value in found.groupdict().values() if value)
            if not _says_of_self(said, words):
                return True
    return False


def grounded(text: str, words: str) -> str:
    """The text without its sentences and lines that invent something or use an invented name, on one line."""
    named = {found["key"] for pattern in _NAMES for found in pattern.finditer(text)}
    invented = [re.compile(rf"\b{name}\b") for name in named if not _says_of_self(name, words)]
    parts = re.split(r"(?<=[.!?])\s+|\s*\n\s*", text.strip())
    kept = [one for one in parts if one and not invents(one, words) and not any(n.search(one) for n in invented)]
    return " ".join(re.sub(r"\s+", " ", one) for one in kept)


def _says_of_self(said: str, words: str) -> bool:
    """Whether the person said this of themselves: the word soon after "I am", "as a", "my name is" and the like."""
    word = re.sub(r"\W+", r"\\W+", re.sub(r"[- ]years?[- ].*", "", said.casefold()))
    return bool(word) and bool(re.search(rf"{_SELF}[^.!?\n]{{0,40}}?\b{word}\b", words))
