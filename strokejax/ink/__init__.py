"""Ink and pictures: file formats, resampling, rasters, augmentation, a hand that writes."""
