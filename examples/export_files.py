"""Every file that `personalrm export --as …` writes for other tools."""

from __future__ import annotations

import tempfile
from pathlib import Path

from personalrm import SynthesizeMe
from personalrm.integrations.exports import EXPORTS


def main() -> None:
    profile = SynthesizeMe().fit(Path(__file__).with_name("mira.jsonl")).profile
    with tempfile.TemporaryDirectory() as folder:
        for name, export in EXPORTS.items():
            path = Path(folder) / name
            path.write_text(export(profile), "utf-8")
            print(f"{name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
