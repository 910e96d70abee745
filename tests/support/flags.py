"""Flags of XLA. Tests compile much and compute little: these halve their time."""

from importlib.metadata import version

QUICK_TO_COMPILE = "--xla_backend_optimization_level=0"
if version("jaxlib") < "0.11":
    QUICK_TO_COMPILE += " --xla_cpu_use_fusion_emitters=false"
