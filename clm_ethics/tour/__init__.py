"""A year of real shopping, replayed under a policy.

::

    data.py       what happened: persons, baskets, campaigns; from Complete Journey or a CSV
    pattern.py    what nobody knows: who said yes, no, changed their mind (seeded, invented)
    timeline.py   both, as steps in the order of time
    replay.py     the steps, told to a steward, so that they can be told twice
    figures.py    what is counted meanwhile, and kept between two runs
    journal.py    the small file beside the ledger that knows how far a tour has come
    run.py        the whole tour
    plots.py      figures as shapes; report.py and report.html: as a page
    policy.toml   the example policy of a grocery with a customer card

Data, pattern, timeline, figures and plots are pure. Only ``replay`` and ``run`` meet a steward.
"""
