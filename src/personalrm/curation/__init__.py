"""Curation: from a published data set to a personalization benchmark.

    raw = read_raw("prism", sources("prism", "prism/", None), Thresholds())     # users with their choices, and counts
    people = [one for one in raw.people if enough(one, Thresholds())]
    parts = people_apart([one.user for one in people], Thresholds())            # user → train, validation or test
    fixed(people[0], Thresholds())                                              # each choice: context or target

`thresholds` holds every parameter with its default, `sources` finds the files, `raw` reads them, `filters` and `splits`
decide, `asking` and `people` request labels from language models, `running` does all of it in order, `counting` counts
what each step keeps, `published` holds the published counts for comparison, `folder` writes the result.
"""
