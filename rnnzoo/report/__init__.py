"""From run records to a report: frames, figures and one self-contained page.

Nothing is imported here: who writes a number as a report does need not wait for what draws figures.
"""
