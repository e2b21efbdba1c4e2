"""The door for HTTP: routes, who may use them, and how refusals look from outside."""
