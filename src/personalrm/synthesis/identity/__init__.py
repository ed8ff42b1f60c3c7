"""Identity statements in text: how they are found in sentences, and compared with the user's own words."""

from personalrm.synthesis.identity.claims import identity_claims
from personalrm.synthesis.identity.own_words import SelfStatements, statements_of

__all__ = ["SelfStatements", "identity_claims", "statements_of"]
