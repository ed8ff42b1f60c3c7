"""Who a person is, as a text says it: found in sentences, and compared with what the person said of themselves."""

from personalrm.synthesis.identity.claims import identity_claims
from personalrm.synthesis.identity.own_words import SelfStatements, statements_of

__all__ = ["SelfStatements", "identity_claims", "statements_of"]
