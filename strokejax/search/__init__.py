"""Beam search: CTC, tries, language models."""
