"""The report on several studies of published recipes: what was published beside what came out here."""
