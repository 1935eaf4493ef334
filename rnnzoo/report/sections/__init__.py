"""The sections of a report, a module each: they put numbers, figures and words together."""
