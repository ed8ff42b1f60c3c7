"""Studies of questions that the paper leaves open.

``personalrm study NAME DATA --out DIR`` runs a study and writes ``DIR/studies/NAME.json``, which
``personalrm report DIR`` shows. Each study is a module with a function ``study(lab) -> Record``; `lab.StudyContext`
runs methods resumably.
"""
