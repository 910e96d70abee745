"""The studio's pages of symbols."""
