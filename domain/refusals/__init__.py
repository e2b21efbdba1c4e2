"""Refusals: every reason for which the ledger refuses a well-formed command, by area.

Importing one module imports all of them, so that a list of all refusals is complete.
"""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
