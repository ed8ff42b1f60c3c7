"""From a published data set to a benchmark of personal taste: everything of it that asks no language model.

    raw = read_raw("prism", sources("prism", "prism/", None), Thresholds())     # people with their choices, and counts
    people = [one for one in raw.people if enough(one, Thresholds())]
    parts = people_apart([one.user for one in people], Thresholds())            # user → train, validation or test
    fixed(people[0], Thresholds())                                              # each choice: context or target

`thresholds` holds every number with its default, `sources` finds the files, `raw` reads them, `filters` and `splits`
decide, `counting` keeps the account, `published` the counts to set beside it, `folder` writes the result. The labels
of language models and the order of all this are in `personalrm.curation`.
"""
