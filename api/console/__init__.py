"""The console: pages for auditors, analysts and operators, made here, with the rights of their tokens."""
