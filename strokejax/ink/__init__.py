"""Ink and pictures: files, resampling, rasters, augmentation, a hand that writes."""
