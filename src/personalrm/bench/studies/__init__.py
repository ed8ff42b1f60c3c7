"""The questions that the paper leaves open, each one command and one figure.

``personalrm study NAME DATA --out DIR`` runs one and writes ``DIR/studies/NAME.json``, which `personalrm report DIR`
shows. A study is one module here with a function ``study(lab) -> Record``; `lab` runs methods for it, resumably.
"""
