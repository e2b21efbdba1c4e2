"""The console: HTML pages for auditors, analysts and operators, with the rights of their tokens."""
