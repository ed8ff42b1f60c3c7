"""What chats have asked of the upstream, by day; before the code that has it is started."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0.2.0.3", "0.2.0.2"


def upgrade() -> None:
    for name in ("chats", "chat_tokens"):
        op.add_column("spend", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
