"""Studies: a file that says what is compared, and all that it takes to carry it out."""
