"""The former address of the converter, `strokejax.tasks.symbols.torch_import`."""

from runpy import run_module

if __name__ == "__main__":
    run_module("strokejax.tasks.symbols.torch_import", run_name="__main__")
