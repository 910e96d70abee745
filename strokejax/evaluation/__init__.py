"""Scores, few-shot episodes, and figures with their intervals."""
