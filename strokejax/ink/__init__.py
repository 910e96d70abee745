"""Ink: file formats, resampling, rasters, augmentation and synthetic handwriting."""
