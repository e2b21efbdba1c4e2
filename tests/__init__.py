"""The tests; folders with a file like this one end their servers when the last test in them is done."""
