"""What a person decided about changes of taste, with each version; before the code that uses it is started."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0.2.0.6", "0.2.0.5"


def upgrade() -> None:
    op.add_column("profiles", sa.Column("counting", sa.Text(), nullable=False, server_default="{}"))
