"""The gradient laboratory's part of a report: what runs measured beside their scores, a module a question."""
