"""Tests: `contract/` runs over every cell and engine, the rest mirrors the package."""
