"""Example commands below each command's help."""

from __future__ import annotations

from collections.abc import Mapping

_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "": ("personalrm fit choices.jsonl --out me.json", "personalrm persona me.json"),
    "data": ("personalrm data list",),
    "cluster": ("personalrm cluster fit 'choices/*.jsonl.gz' --out profiles --processes 8",),
    "serve": ("personalrm serve --open", "personalrm serve --database postgresql://personalrm@db/personalrm"),
    "serve key": ("personalrm serve key shop",),
    "serve keys": ("personalrm serve keys shop",),
    "serve revoke": ("personalrm serve revoke shop k3f9a2",),
    "serve budget": ("personalrm serve budget shop --max-cost 5",),
    "serve migrate": ("personalrm serve migrate",),
    "serve backup": ("personalrm serve backup copy.sqlite",),
    "serve restore": ("personalrm serve restore copy.sqlite",),
    "pull": (
        "personalrm pull langfuse --url https://langfuse.example --out choices.jsonl",
        "personalrm pull label-studio --url http://localhost:8080 --project 3 --since 2026-05-01 --out choices.jsonl",
    ),
    "fit": (
        "personalrm fit choices.jsonl --out me.json",
        "personalrm fit export.csv --columns prompt=question,chosen=better,rejected=worse,user=rater --user ada",
        "personalrm fit choices.jsonl --model llama3.1:8b --base-url http://localhost:11434/v1 --out me.json",
    ),
    "update": ("personalrm update me.json new.jsonl",),
    "persona": ("personalrm persona me.json",),
    "export": (
        "personalrm export me.json --as judge-prompt",
        "personalrm export me.json --as generation-prompt",
        "personalrm export me.json --as trl > pairs.jsonl",
        "personalrm export me.json --as mlflow-judge > judge.py",
    ),
    "compare": (
        'personalrm compare me.json --prompt "How long does pasta take?" --a "Nine minutes." --b @long.txt',
        "personalrm compare me.json --prompt @question.txt --a @a.txt --b @b.txt --json",
        "personalrm compare me.json --prompt @question.txt --a @a.txt --b @b.txt --max-risk 0.25",
    ),
    "rank": ('personalrm rank me.json --prompt "A title?" --response "Eggs." --response "All About Eggs!"',),
    "score": ('personalrm score me.json --prompt "A title?" --response "Eggs." --json',),
    "evaluate": ("personalrm evaluate me.json later.jsonl",),
    "next-question": ("personalrm next-question me.json pairs.jsonl --top 3",),
    "why": ("personalrm why me.json", 'personalrm why me.json c17 "The other one never answers the question."'),
    "train": (
        "personalrm train pref choices-of-many.jsonl --out runs/pref",
        "personalrm fit ada.jsonl --model trained:runs/pref --out ada.json",
    ),
    "bench": (
        "personalrm bench choices.jsonl --methods longer,population,traits",
        "personalrm bench choices.jsonl --methods default,memory,synthesizeme --model gpt-4o-mini --out run",
    ),
    "study": ("personalrm study scaling choices.jsonl --methods traits --out scaling",),
    "report": ("personalrm report run",),
    "diagnose": ("personalrm diagnose me.json later.jsonl",),
    "judge-weights": ("personalrm judge-weights", "personalrm judge-weights --json > weights.json"),
    "curate": ("personalrm curate prism prism/ --out prb --model gpt-4o-mini",),
    "data list": ("personalrm data list", "personalrm data list --json"),
    "data get": (
        "personalrm data get multipref --out multipref",
        "HF_TOKEN=… personalrm data get arena-33k --out arena",
        "personalrm data get crowdrag --from downloads --out crowdrag",
    ),
    "cluster fit": (
        "personalrm cluster fit 'choices/*.jsonl.gz' --out profiles --processes 8",
        "personalrm cluster fit 'choices/*.parquet' --out profiles --address auto",
    ),
    "cluster score": ("personalrm cluster score profiles pairs.jsonl --out scores",),
    "cluster bench": (
        "personalrm cluster bench 'choices/*.jsonl.gz' --methods population,traits --out run --address auto",
    ),
    "cluster extract": ("personalrm cluster extract profiles --user ada --out ada.json",),
    "optimize-prompt": ("personalrm optimize-prompt choices.jsonl --model gpt-4o-mini --out prompt.json",),
}
EXAMPLES: Mapping[str, str] = {name: "\n\n".join(("Examples:", *commands)) for name, commands in _COMMANDS.items()}
"""Examples by command, as typer's epilog: an empty line between two keeps them on separate lines."""
