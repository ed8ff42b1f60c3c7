"""The human study: participants choose, then rate blind how well the claims of three personas describe them.

    study = HumanStudy.open(folder, pairs, Protocol())
    session = study.session()                        # a new participant; study.session("p-1a2b3c4d") resumes
    step = session.step()                            # Consent, Choose, Wait, Rate or Finished
    session.agree(); session.choose("left"); session.rate(6)
    study.analyse()                                  # own against stranger's, own against generic

For each participant only a random code, the pairs, the picked sides and the ratings are stored.
"""

from personalrm.bench.studies.human.analysis import Analysis, analyse
from personalrm.bench.studies.human.protocol import CONSENT, QUESTION, SCALE, Event, Protocol, distinct_pairs
from personalrm.bench.studies.human.session import (
    Choose,
    Consent,
    Finished,
    HumanStudy,
    ParticipantLog,
    Picked,
    Rate,
    Session,
    Step,
    Wait,
)

__all__ = [
    "CONSENT",
    "QUESTION",
    "SCALE",
    "Analysis",
    "Choose",
    "Consent",
    "Event",
    "Finished",
    "HumanStudy",
    "ParticipantLog",
    "Picked",
    "Protocol",
    "Rate",
    "Session",
    "Step",
    "Wait",
    "analyse",
    "distinct_pairs",
]
