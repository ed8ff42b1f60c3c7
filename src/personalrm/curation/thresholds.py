"""All parameters of the curation with their defaults. The paper publishes the filters' order but not their thresholds.

Thresholds(min_pairs=8).checked()
"""

from __future__ import annotations

from dataclasses import dataclass

from personalrm.errors import DataError

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Parameters of the filters and splits.

    Attributes:
        min_gap: PRISM: minimum difference of two scores (of 100 points) that counts as a choice. Published: 10.
        min_pairs: minimum decided choices of a user, before and after the other filters.
        min_conversations: minimum conversations of a user; context and target need two.
        min_personalizable: minimum probability that personal preference matters for the query (and for the responses).
        min_agreement, max_agreement: a pair is kept if the share of verdicts equal to the user's choice lies between
            them, inclusive. Symmetric by default, so that the filter tests agreement among the judges, not with the
            user: a filter that drops only the pairs judged correctly would define taste as the opposite of the judges.
        min_scored: minimum share of readable verdicts.
        train, validation: shares of the users; the rest is test.
        target: share of a user's choices, the latest conversations, to predict.
        seed: of the splits, and of which response is shown first.
    """

    min_gap: float = 10.0
    min_pairs: int = 5
    min_conversations: int = 2
    min_personalizable: float = 0.5
    min_agreement: float = 0.2
    max_agreement: float = 0.8
    min_scored: float = 0.5
    train: float = 0.3
    validation: float = 0.2
    target: float = 0.5
    seed: int = 0

    def checked(self) -> Thresholds:
        """Return self. DataError names the first invalid parameter."""
        shares = ("min_personalizable", "min_agreement", "max_agreement", "min_scored", "train", "validation")
        for name in shares:
            if not 0 <= getattr(self, name) <= 1:
                raise DataError(
                    f"--{name.replace('_', '-')}: expected a share from 0 to 1, found {getattr(self, name)}"
                )
        if not self.min_agreement <= self.max_agreement:
            found = f"{self.min_agreement} and {self.max_agreement}"
            raise DataError(f"--min-agreement must not be above --max-agreement, found {found}")
        if self.train + self.validation > 1:
            raise DataError(
                f"--train and --validation must not exceed 1 together, found {self.train + self.validation}"
            )
        if not 0 < self.target < 1:
            raise DataError(f"--target: expected a share between 0 and 1, found {self.target}")
        if self.min_pairs < 2 or self.min_conversations < 2:
            raise DataError("--min-pairs and --min-conversations must be at least 2: one for context, one for target")
        return self
