"""The labels of language models in a curation, and the curation as a whole.

    result = await acurate(plan, [Judge(endpoint), …])      # everything but writing; see `running`

`asking` asks one question and keeps what was answered as a `Label`; `people` runs the filters on one person's choices;
`running` runs them on all, splits, and makes the manifest. What needs no model is in `personalrm.data.curation`.
"""
