"""Beam search: CTC, lexicon tries and language models."""
