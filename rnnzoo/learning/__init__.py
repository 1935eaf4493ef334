"""Learning rules: how an error becomes a gradient. Any cell can be trained by any of them.

A rule is chosen by the `learning` of a run's configuration (`options`), made by `choosing.make_rule`, and called by the
training loop once a step.
"""
